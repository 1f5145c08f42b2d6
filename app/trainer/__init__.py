"""Offline: how the network learns from a data set, and how good it is beside the baselines."""
