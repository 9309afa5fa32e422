"""What analysts see."""
