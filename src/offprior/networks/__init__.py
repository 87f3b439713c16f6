"""Pieces that the models are built from: token layout, decoder blocks, output heads."""
