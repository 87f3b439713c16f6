"""The names of the model and its references in legends; no jax."""

from offprior.columns import SMOOTHER

MEANING = {
    "model": "model",
    "B": "B: Bayes, pretraining mixture",
    "C": "C: Bayes, the probe's tasks included",
    "B = C": "B = C: Bayes, with and without the probe's tasks",
    SMOOTHER: "S: smoother, knows no family",
}
"""The names of predictors in legends."""
REFERENCE_MEANING = {
    "B": "Bayes under the reference mixture, not claimed to be its prior",
    "C": "the same, the probe's tasks included",
    "B = C": "Bayes under the reference mixture, with and without the probe's tasks",
}
"""The names of B and C in legends if the predictor's own prior is unknown."""
REFERENCE_SHORT = {"B": "Bayes, reference", "C": "Bayes, reference + probe", "B = C": "Bayes, reference"}
SHORT = {"model": "model", "B": "B: Bayes", "C": "C: Bayes + probe", "B = C": "B = C: Bayes", SMOOTHER: "S: smoother"}
"""The names of predictors in the legends of a paper, whose caption says more."""
