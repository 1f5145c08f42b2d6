"""Retrieval: the few best tracks of a large catalogue without a product with every row, and what all of them sum to."""
