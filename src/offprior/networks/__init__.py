"""Building blocks of the models: token layout, decoder blocks, output heads."""
