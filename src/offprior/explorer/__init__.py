"""The explorer: a local page on which a prompt can be dragged while the model and the posteriors respond."""
