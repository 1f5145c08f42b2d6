"""Baselines: what counting and nearest neighbours reach without learning, written from the papers they name."""
