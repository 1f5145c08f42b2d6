"""HTTP: routes, schemas, problem+json, OpenAPI. FastAPI lives here; what an answer is worth is decided elsewhere."""
