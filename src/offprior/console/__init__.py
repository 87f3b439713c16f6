"""Console output: text that prints in any encoding, and progress of long work."""
