"""From a model and a mixture to weights: settings, optimiser, loop, checkpoints, progress."""
