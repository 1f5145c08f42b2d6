"""The walk of one event: recommender, engine, reloader. No torch, no Redis, no HTTP."""
