"""Published advisors and their trials, without torch."""
