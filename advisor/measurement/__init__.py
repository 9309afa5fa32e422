"""Accuracy, and which decisions count."""
