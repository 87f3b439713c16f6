"""WHO can learn: one architecture a file."""
