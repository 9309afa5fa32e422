"""Export, import, erasure, payment lists."""
