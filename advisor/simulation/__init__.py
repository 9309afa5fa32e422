"""Simulated people and their rounds."""
