"""One HTML file a run, which opens offline, with its figures and tables beside it."""
