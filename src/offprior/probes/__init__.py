"""HOW the test differs from pretraining: one path of prompt distributions per file."""

from offprior import catalog


def __getattr__(name: str):
    return catalog.attribute("probes", name)
