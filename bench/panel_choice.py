"""How often a predictor exactly at the margin above the best of a panel is called broken, by simulation.

The best is chosen on the tasks that it is compared on. Printed, in percent of the simulated cells: p-values as they
are, times the number of contenders (`offprior.analysis.unknown_prior`), and times the whole panel.

    python bench/panel_choice.py --samples 1500
"""

import argparse

import numpy as np

from offprior.analysis.intervals import ratio, resamples
from offprior.analysis.verdict import MARGIN

TASKS, LEVEL = 64, 0.05
PANELS = {
    "ten alike": np.zeros(10),
    "ten, .01 apart": np.linspace(0, 0.1, 10),
    "one, and nine that are far": np.r_[0.0, np.full(9, 1.0)],
}
"""The panels, by how far the predictors' errors are above the least."""


def broken(above: np.ndarray, least: float, shared: float, samples: int) -> dict[str, float]:
    """Returns the share of cells called broken, in percent, for each adjustment.

    Args:
        above: how far the errors of the panel are above the least.
        least: the least error.
        shared: the share of an error that is the same for all predictors on a task; errors are lognormal, σ = 1.
        samples: simulated cells.
    """
    draw = np.random.default_rng(1)
    weights, found = resamples(TASKS), {"as it is": 0, "contenders": 0, "all": 0}
    for _ in range(samples):
        alike, own = (np.exp(draw.normal(size=(count, TASKS)) - 0.5) for count in (1, len(above) + 1))
        means = np.append(above, MARGIN)[:, None] + least
        *panel, judged = means * (shared * alike + (1 - shared) * own)
        panel = np.stack(panel)
        gap = judged - panel[panel.mean(1).argmin()]
        p = float(ratio(gap[None], np.ones(TASKS)).p_value(MARGIN)) if gap.mean() > MARGIN else 1.0
        contenders = len(np.unique((weights @ panel.T).argmin(1)))
        for name, times in zip(found, (1, contenders, len(above)), strict=True):
            found[name] += p * times <= LEVEL
    return {name: 100 * count / samples for name, count in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1500)
    samples = parser.parse_args().samples
    print("| panel | least error | shared | as it is | contenders | all |\n|---|---|---|---|---|---|")
    for name, above in PANELS.items():
        for least in (0.02, 0.1):
            for shared in (0.0, 0.8):
                shown = " | ".join(f"{value:.1f}" for value in broken(above, least, shared, samples).values())
                print(f"| {name} | {least} | {shared} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
