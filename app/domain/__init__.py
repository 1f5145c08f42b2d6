"""The rules of listening in plain Python: no torch, no Redis, no HTTP."""
