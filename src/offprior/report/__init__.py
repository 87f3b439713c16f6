"""The report of a run: one HTML file that opens offline, next to its figures and tables."""
