"""Every decision ever made, and all SQL."""
