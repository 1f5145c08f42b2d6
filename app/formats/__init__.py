"""Playlist, listening-history and catalogue files: one module per format. Nothing here knows of data sets or models."""
