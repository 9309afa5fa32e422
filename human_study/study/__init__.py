"""The study file and what it says."""
