"""Labels, numbers, charts."""
