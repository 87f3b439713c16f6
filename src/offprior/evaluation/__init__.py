"""Makes the rows of an evaluation: the same prompts for every predictor, with the references B, C and S."""
