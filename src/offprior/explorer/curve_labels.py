"""The labels of curves, and the names of those that are called otherwise."""

from collections.abc import Sequence

from offprior.columns import MODEL
from offprior.explorer.judged_predictor import Shown


def of_class(name: str) -> str:
    """The label of a family's posterior mean."""
    return f"class: {name}"


def of_beside(name: str, run: str) -> str:
    """The label of a curve of the second run."""
    return f"{name} of {run}"


def titles(run: Shown, beside: Shown | None, beside_name: str, labels: Sequence[str]) -> dict[str, str]:
    """Returns the names of the curves of predictors that are not models of runs, by their labels."""
    found = {} if run.judged == MODEL else {MODEL: run.judged}
    if beside is not None and beside.judged != MODEL:
        found[of_beside(MODEL, beside_name)] = beside_name
    return {label: f"{name} (judged)" if name in labels else name for label, name in found.items()}
