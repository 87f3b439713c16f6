"""The checker that conftest.py lays over every function of offprior."""

from beartype import BeartypeConf, beartype

# An int is a float here, as it is for type checkers and in recipes (PEP 484).
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
