"""What trains the encoder through ĥ."""
