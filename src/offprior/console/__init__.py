"""Output while work is in progress: lines in any encoding, and progress."""
