"""From a recipe file to parts and back, reporting all mistakes in it at once."""
