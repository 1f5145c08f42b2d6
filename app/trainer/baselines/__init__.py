"""Baselines: what counting and nearest neighbours reach without learning. Written from the papers they name."""
