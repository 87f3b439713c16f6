"""Predictors of other packages and of users, made ready for an evaluation; one file per kind of address."""
