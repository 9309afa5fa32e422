"""Drafts, checks and publishes an advisor."""
