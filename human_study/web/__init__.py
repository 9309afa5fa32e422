"""HTTP, and nothing of studies."""
