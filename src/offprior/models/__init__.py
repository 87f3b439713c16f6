"""WHO can learn: one architecture per file."""
