"""What a training run holds, without torch."""
