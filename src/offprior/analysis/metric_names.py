"""The metrics by their codes: the name for readers, the definition, and how to read them; no jax."""

from typing import NamedTuple


class Metric(NamedTuple):
    """The name, definition and reading of one metric."""

    name: str
    definition: str
    """How it is computed: p is the prediction, O the noise-free truth; all errors are over the variance of O."""
    reading: str


METRICS = {
    "M1": Metric(
        "in-distribution gap",
        "mean (p − B)² / variance, the largest over the families that a cell's functions are made of, "
        "each over the variance of its own prompts (the gate)",
        "above 0.01: the model is under-trained",
    ),
    "M2": Metric(
        "out-of-mixture error",
        "NMSE(p, O)",
        "0 is perfect, 1 is as good as the mean of all truths",
    ),
    "M3": Metric(
        "prior gap",
        "NMSE(B, O) − NMSE(C, O)",
        "above 0: even the optimum of the mixture loses this much here",
    ),
    "M4": Metric(
        "gain over Bayes",
        "NMSE(B, O) − NMSE(p, O)",
        "above 0: the model is better than B by this much; below 0: worse",
    ),
    "M5": Metric(
        "share of the prior gap closed",
        "M4 / M3, where the interval of M3 is above 0.02",
        "1 is as good as C, 0 follows Bayes, below 0 is worse. It does not say how: a smoother closes "
        "much of many gaps",
    ),
    "M19": Metric(
        "gain over the smoother",
        "NMSE(S, O) − NMSE(p, O)",
        "above 0: more was found than smoothness; below 0: worse than the smoother",
    ),
    "M20": Metric(
        "structure index",
        "M19 / (NMSE(S, O) − NMSE(C, O)), where the interval of the denominator is above 0.02",
        "1 is as good as C, 0 as good as a smoother, below 0 worse than a smoother",
    ),
    "M6": Metric(
        "nearest-class ratio",
        "NMSE(p, O) over the least NMSE of the best fit inside one class",
        "below 1: no single class explains the prediction",
    ),
    "M7": Metric(
        "best-blend ratio",
        "NMSE(p, O) over that of the best convex blend of two class posterior means, its weight fitted on"
        " each task's truth",
        "above 1: knowing the parts and their weights would do better; class-blend is the blend whose "
        "weight comes from the context",
    ),
    "M8": Metric(
        "implied weight",
        "least squares of p on the class posterior means: the weight ŵ of the first class, and the share "
        "of p that is left over",
        "averaging gives ŵ = P(class given context), composing gives ŵ = a",
    ),
    "M9": Metric(
        "recovered parameters",
        "p projected on 1, x, sin ωx and cos ωx: its slope and amplitude over the true ones",
        "1 and 1: both parts were found",
    ),
    "M10": Metric(
        "selection cost",
        "NMSE(p, O) less that of the Bayes predictor that knows the family; and less that of a "
        "specialist, a model trained on that family alone at the same budget",
        "the cost of choosing a family",
    ),
    "M11": Metric(
        "nearest algorithm",
        "mean (p − q)² / variance for every predictor q of the panel, and for the best convex blend of them",
        "the smallest distance names the algorithm that the model is nearest to",
    ),
    "M12": Metric(
        "distance from the prior",
        "−log evidence of the context under the mixture, in nats",
        "how far outside a prompt lies",
    ),
    "M13": Metric(
        "context slope",
        "d NMSE / d log k over the context lengths",
        "negative: more context helps; a wrong prior stalls",
    ),
    "M14": Metric(
        "calibration",
        "−log density of a new y in nats, coverage of the central 90%, predictive over posterior standard deviation",
        ".9 and 1 are right",
    ),
    "M15": Metric(
        "erraticness",
        "total variation of p over the queries in the order of their x, over that of O; variance between "
        "training seeds over the variance of O",
        "above 1: the curve wobbles",
    ),
    "M16": Metric(
        "order sensitivity",
        "variance of p under permutations of the context, over the variance of O, in distribution",
        "0 for an exchangeable prior's B",
    ),
    "M17": Metric(
        "frequency response",
        "amplitude of p at the nearest frequency of the pretraining range, over the true amplitude, outside the range",
        "how strongly the answer holds a frequency that was trained on",
    ),
    "M18": Metric(
        "divergence of tokens",
        "KL(O ‖ p) of the next token, in nats per token, by position; for mixtures of token processes it takes the "
        "place of the NMSE in M1–M5, M10, M11, M13, M19 and M20",
        "0 is perfect",
    ),
}
"""The metrics in the order in which docs/metrics.md explains them."""
