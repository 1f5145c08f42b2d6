"""Segue: what plays next."""
