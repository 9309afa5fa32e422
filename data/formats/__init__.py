"""How files and values are written and read: delimited text, YAML, numbers in words, whole files."""
