"""The examples of the OpenAPI, from the catalogue that ships.

Tests send every request to a real server and hold every answer to its model.
"""

CHECKPOINT = "20261122T101500Z-3f9c1a"
