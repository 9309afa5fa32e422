"""Generated faces as pictures."""
