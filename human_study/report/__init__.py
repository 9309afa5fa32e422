"""Findings as a page."""
