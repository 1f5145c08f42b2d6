"""The outside: listener sessions in Redis, published checkpoints, the embedded server. Knows nothing of HTTP."""
