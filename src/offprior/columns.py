"""Names in an evaluation table: its columns, its reference predictors, its placements, and the words for its unit."""

from typing import Any, NamedTuple

MODEL = "model"
"""The model of a run, which verdicts are about."""
IN_DISTRIBUTION = "in-distribution"
"""The probe whose rows M1 is taken from."""
FLOOR = "B at 10× floor"
"""B with the noise floor of a noise-free mixture ten times as high."""
SMOOTHER = "S"
"""Gaussian process regression fitted to each context: a smoother that knows no family."""
BLEND = "best blend"
"""The best blend of two classes' posterior means, fitted to each task's truth: the limit of all blends."""
REFERENCES = ("B", "C", SMOOTHER, FLOOR, BLEND)
"""Predictors that every evaluation adds: S always, the others if their posteriors have a closed form."""
OF_CLASSES = ("class: ", "best fit: ")
"""Prefixes of the predictors that an evaluation adds for every family."""
FAILURE = "failure"
"""The column that says why a predictor did not answer a prompt; empty or missing where it did."""
SPECIALIST = "specialist: "
"""Prefix of predictors that were trained, with the same budget, on only one family of the mixture."""
INSTRUCTED = "instructed: "
"""Prefix of the model's own answers when it is given a prompt's family: `right`, or `wrong`."""
ALL, BETWEEN, BEYOND = "all", "between", "beyond"
"""Placements of queries: all of them; between the context's outermost inputs; beyond them."""
PLACEMENTS = (ALL, BETWEEN, BEYOND)
WHERE = {ALL: "all queries", BETWEEN: "between the context's points", BEYOND: "beyond the context's points"}
"""The names of placements in texts and figures."""
NATS = "nats per token"
"""The unit of the errors of token predictions; errors of real values have none, being over the variance of O."""
CELL = ["probe", "strength", "length"]
ROW = [*CELL, "task", "predictor", "seed"]
"""The columns that identify a row."""
PROMPT = ["truth_mean", "truth_square", "surprise"]
"""The columns that are equal for every predictor on the same task."""
COLUMNS = {
    "probe": "the probe's label",
    "coordinate": "the symbol of its coordinate",
    "strength": "the place on its path",
    "length": "context pairs",
    "inside": "does the pretraining prior hold this place?",
    "seed": "training seed; -1 for predictors that are not trained",
    "task": "number of the test prompt, the same prompt for every predictor and training seed",
    "family": "the family that the prompt's function was drawn from",
    "predictor": "model, B, C, S, class: NAME, best fit: NAME, best blend, specialist: NAME, or a predictor's label",
    "squared_error": "mean over the queries of (p − O)²",
    "bayes_gap": "mean over the queries of (p − B)²",
    "truth_mean": "mean over the queries of O",
    "truth_square": "mean over the queries of O²",
    "surprise": "−log evidence of the context under the mixture, nats",
    "class_probability": "posterior probability of the mixture's first family",
    "implied_weight": "least-squares weight of the first class's posterior mean in p, this task alone",
    "implied_residual": "share of p², mean over the queries, that the classes' posterior means leave",
    "slope": "coefficient of x in p projected on {1, x, sin ωx, cos ωx}",
    "true_slope": "the same of O",
    "amplitude": "length of the coefficients of sin ωx and cos ωx in p",
    "true_amplitude": "the same of O",
}
"""Columns and their contents; p is the predictive mean, O the noise-free truth, B the Bayes predictor of the mixture.

Newer tables also have `FURTHER_COLUMNS`, and the sums that pooled least squares on the class means need: `gram i j`,
`moment i`, `prediction_square`.
"""


FURTHER_COLUMNS = {
    "log_loss": "−log density of a new y at the queries, nats, a mean over its noise; the predictive law is normal",
    "coverage": "chance that a new y lies in the central 90% of the predictive law",
    "predictive_variance": "mean over the queries of the predicted variance of the noise-free value",
    "posterior_variance": "the same of B; in distribution only",
    "variation": "total variation of p over the queries in the order of x",
    "true_variation": "the same of O",
    "seed_spread": "mean over the queries of (p − mean of the training seeds' p)², of seeds evaluated together",
    "order_variance": "variance of p over orders of the context, mean over the queries; in distribution only",
    "aliased_amplitude": "amplitude of p at the nearest frequency of the pretraining range, outside that range",
    "between": "share of the queries between the context's outermost inputs; for inputs of one number",
    "squared_error_between": "mean over all queries of (p − O)² where the query lies between, 0 elsewhere",
    "bayes_gap_between": "the same of (p − B)²",
    "truth_mean_between": "the same of O",
    "truth_square_between": "the same of O²",
    "made_of": "the pretraining mixture's families that the cell's functions are made of, joined by |",
    "axis": "the coordinate in words",
    "prior_low": "lower end of the stretch of the coordinate that the prior holds, where the probe knows its ends",
    "prior_high": "upper end of the same",
    "unit": "unit of the errors: nats per token for divergences of token predictions, KL(O ‖ p) and KL(B ‖ p)",
    "gate": "label of the probe in whose rows M1 of this cell is measured; empty: in the cell's own",
}
"""Columns that older tables lack; not-a-number if unknown.

Errors beyond the context are differences: a column minus its `_between`, with the share 1 − `between`.
"""


def is_reference(label: str) -> bool:
    """Whether the label is that of a predictor that every evaluation adds."""
    return label in REFERENCES or label.startswith(OF_CLASSES)


class Wording(NamedTuple):
    """What texts and figures call the errors and the prompts of a table."""

    error: str
    """The error, as an axis label."""
    short: str
    """The symbol of the error."""
    of: str
    """What a context is made of."""
    tasks: str
    """What a family holds."""


OF_FUNCTIONS = Wording("normalised error (NMSE)", "NMSE", "pairs", "functions")
OF_TOKENS = Wording(f"KL to the truth [{NATS}]", "KL", "tokens", "sources")


def wording(unit: Any) -> Wording:
    """Returns the words for a table whose errors have this unit; any other value than `NATS` means functions."""
    return OF_TOKENS if unit == NATS else OF_FUNCTIONS
