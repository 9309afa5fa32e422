"""Accuracy, which decisions count, and what can be read in faces."""
