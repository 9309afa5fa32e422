"""Ĥ fitted to decisions."""
