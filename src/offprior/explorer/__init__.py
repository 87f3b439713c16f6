"""The explorer: a local page on which a prompt is dragged about while the model and the posteriors answer."""
