"""The tidy rows every result becomes: predictor × probe coordinate × context length × task × training seed.

Read, append and load need pandas only, never jax. `metrics`, `verdicts` and `plot` belong to `offprior.evaluation` and
`offprior.figures`, and are imported when they are called.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from offprior.errors import OffpriorError, nearest
from offprior.parquet import read_parquet, write_parquet

if TYPE_CHECKING:
    from offprior.evaluation.verdict import Verdicts

MODEL = "model"
"""The model of a run, whose verdict is asked for."""
IN_DISTRIBUTION = "in-distribution"
"""The probe whose rows M1 is taken from."""
FLOOR = "B at 10× floor"
"""B with the noise floor of a noise-free mixture ten times as high."""
SMOOTHER = "S"
"""Gaussian process regression fitted to each context: a smoother that knows no family."""
BLEND = "best blend"
"""The best blend of two classes' posterior means, its weight fitted on each task's truth: blending can do no more."""
REFERENCES = ("B", "C", SMOOTHER, FLOOR, BLEND)
"""Predictors that an evaluation has of itself: S always, the others where their posteriors have a closed form."""
OF_CLASSES = ("class: ", "best fit: ")
"""How those begin that it has for every family."""
SPECIALIST = "specialist: "
"""How those begin that were trained, at the same budget, on one family of the mixture alone."""
INSTRUCTED = "instructed: "
"""How those begin that are the model itself, told the family of a prompt: `right`, or `wrong`."""
ALL, BETWEEN, BEYOND = "all", "between", "beyond"
"""Placements of queries: all of them; between the context's outermost inputs; beyond them."""
PLACEMENTS = (ALL, BETWEEN, BEYOND)
WHERE = {ALL: "all queries", BETWEEN: "between the context's points", BEYOND: "beyond the context's points"}
"""Placements in words, everywhere."""
CELL = ["probe", "strength", "length"]
ROW = [*CELL, "task", "predictor", "seed"]
"""What tells a row from every other."""
PROMPT = ["truth_mean", "truth_square", "surprise"]
"""What the same task has in common for every predictor."""
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
"""Columns and what they hold; p is the predictive mean, O the noise-free truth, B the Bayes predictor of the mixture.

Of newer tables also `FURTHER_COLUMNS`. Beside them stand the sums that pooled least squares on the class means need:
`gram i j`, `moment i`, `prediction_square`.
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
    "gate": "label of the probe in whose rows M1 of this cell is measured; empty: in the cell's own",
}
"""Columns that older tables lack; not-a-number where they are unknown.

What lies beyond the context is the difference: a column less its `_between`, the share 1 − `between`.
"""


def is_reference(label: str) -> bool:
    """Is it one of the predictors that an evaluation has of itself?"""
    return label in REFERENCES or label.startswith(OF_CLASSES)


class Table:
    """Errors of predictors on probes, one row a predictor, cell, task and training seed."""

    def __init__(self, rows: pd.DataFrame):
        missing = [column for column in COLUMNS if column not in rows.columns]
        if missing:
            raise OffpriorError(f"this is no evaluation table: it lacks {', '.join(missing)}")
        self._rows = rows.reset_index(drop=True)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        probes = ", ".join(self._rows["probe"].unique())
        return f"Table of {len(self)} rows: {probes}"

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a data frame, a copy."""
        return self._rows.copy()

    def append(self, other: "Table") -> "Table":
        """Both tables' rows; where both hold a row, that of `other`.

        Another training seed, predictor or context length joins those that are there. What cannot be paired does not:
        a cell whose prompts differ is that of `other` alone, and so is a probe with another path.
        """
        mine, theirs = self._rows, other._rows
        paths = [rows.groupby("probe")["strength"].agg(frozenset) for rows in (mine, theirs)]
        replaced = [probe for probe in paths[1].index if probe in paths[0] and paths[0][probe] != paths[1][probe]]
        mine = mine[~mine["probe"].isin(replaced)]
        prompts = [rows.drop_duplicates([*CELL, "task"]).set_index([*CELL, "task"])[PROMPT] for rows in (mine, theirs)]
        cells = [pd.MultiIndex.from_frame(rows[CELL]) for rows in (mine, theirs)]
        both = prompts[0].index.union(prompts[1].index)
        both = both[both.droplevel("task").isin(cells[0].unique().intersection(cells[1].unique()))]
        alike = prompts[0].reindex(both).eq(prompts[1].reindex(both)).all(axis=1)
        different = both[~alike].droplevel("task").unique()
        kept = mine[~cells[0].isin(different)]
        return Table(pd.concat([kept, theirs], ignore_index=True).drop_duplicates(ROW, keep="last"))

    def save(self, path: str | Path) -> None:
        """Write a Parquet file, to a temporary name that is then renamed."""
        write_parquet(Path(path), self._rows)

    @classmethod
    def load(cls, path: str | Path) -> "Table":
        """Read what `save` wrote.

        Raises:
            OffpriorError: the file is missing, unreadable, or no evaluation table.
        """
        path = Path(path)
        if not path.is_file():
            raise OffpriorError(f"{path}: there is no such table")
        try:
            rows = read_parquet(path)
        except (OSError, ValueError) as error:
            raise OffpriorError(f"{path}: it is no readable table: {' '.join(str(error).split())}") from error
        return cls(rows)

    def metrics(
        self, predictor: str | None = None, *, placement: str | None = ALL, gate: "Table | None" = None
    ) -> pd.DataFrame:
        """Metrics with their intervals, one row per cell (`offprior.evaluation.metrics`).

        Args:
            predictor: whose metrics; unless given, those of the one called "model", or else of the only one beside the
                references.
            placement: of all queries, or of those `between` or `beyond` the context's outermost inputs; with None one
                row for each of them, as far as they are known. The column `placement` names it.
            gate: another table of the same predictor in which M1 is measured, as far as it has the prompts.

        Raises:
            OffpriorError: there is no such predictor, or none is given among several; `placement` is none.
        """
        from offprior.evaluation.metrics import metrics

        if placement is not None and placement not in PLACEMENTS:
            raise OffpriorError(f"placement: {placement!r} is none of {', '.join(PLACEMENTS)}; None gives all of them")
        found = metrics(self._rows, self._judged(predictor), None if gate is None else gate._rows)
        if placement is None or found.empty:
            return found
        return found[found["placement"] == placement].reset_index(drop=True)

    def verdicts(
        self, predictor: str | None = None, *, placement: str | None = ALL, gate: "Table | None" = None
    ) -> "Verdicts":
        """One verdict per cell (`offprior.evaluation.verdict`), on the predictor that `metrics` would choose.

        A data frame with the verdicts and the numbers that gave them. Printed it shows the main columns; all of them
        are printed by `print(table.verdicts().to_string())`.
        """
        from offprior.evaluation.verdict import verdicts

        return verdicts(self.metrics(predictor, placement=placement, gate=gate))

    def algorithms(self, predictor: str | None = None) -> pd.DataFrame:
        """M11: the algorithm nearest to a predictor in every cell (`offprior.evaluation.identification`).

        Empty unless it was evaluated beside predictors that are not trained.
        """
        from offprior.evaluation.identification import identification

        return identification(self._rows, self._judged(predictor))

    def plot(self, probe: str | None = None, predictor: str | None = None) -> Any:
        """Error against the coordinate of a probe, as a matplotlib figure, of the predictor `metrics` would choose.

        Raises:
            OffpriorError: there is no such probe, or none whose path has two places; no such predictor, or none is
                given among several.
        """
        from offprior.figures.error_by_strength import ErrorByStrength, shown_probes
        from offprior.figures.figure import ReportData

        judged = self._judged(predictor)
        # Figures draw the predictor called "model".
        rows = self._rows if judged == MODEL else self._rows[self._rows["predictor"] != MODEL].copy()
        rows["predictor"] = rows["predictor"].replace({judged: MODEL})
        data = ReportData.from_evaluation(rows)
        known = shown_probes(data)
        if not known or probe not in (None, *known):
            asked = "no probe" if probe is None else f"probe: {probe!r} is none that"
            raise OffpriorError(f"{asked} has a path of two places or more; the table has {', '.join(known) or 'none'}")
        return ErrorByStrength(probe=probe or known[0]).draw(data)

    def _judged(self, predictor: str | None) -> str:
        known = [str(name) for name in self._rows["predictor"].unique()]
        own = [name for name in known if not is_reference(name) and not name.startswith((SPECIALIST, INSTRUCTED))]
        if predictor is None:
            if MODEL in own or len(own) == 1:
                return MODEL if MODEL in own else own[0]
            choices = ", ".join(repr(name) for name in own or known)
            raise OffpriorError(f"predictor: the table has none called 'model'; choose one of {choices}")
        if predictor not in known:
            close = nearest(predictor, known)
            hint = f"; did you mean {close!r}?" if close else f"; it has {', '.join(repr(name) for name in known)}"
            raise OffpriorError(f"predictor: the table has none called {predictor!r}{hint}")
        return predictor
