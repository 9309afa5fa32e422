"""What is decided and about whom."""
