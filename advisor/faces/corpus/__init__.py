"""Corpus and training apart."""
