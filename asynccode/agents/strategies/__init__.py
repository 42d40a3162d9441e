"""What to say to a model next, and what its reply means: one strategy a file."""
