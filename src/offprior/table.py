"""The tidy rows of every result: predictor × probe coordinate × context length × task × training seed.

Reading, appending and loading need only pandas, never jax. `metrics`, `verdicts` and `plot` belong to
`offprior.evaluation` and `offprior.figures`, which are imported when they are called.
"""

import html
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from offprior.columns import ALL, CELL, COLUMNS, INSTRUCTED, MODEL, PLACEMENTS, PROMPT, ROW, SPECIALIST, is_reference
from offprior.errors import OffpriorError, nearest
from offprior.storage.parquet import read_parquet, write_parquet

if TYPE_CHECKING:
    from offprior.analysis.verdict import Verdicts


class Table:
    """Errors of predictors on probes, one row per predictor, cell, task and training seed."""

    def __init__(self, rows: pd.DataFrame):
        missing = [column for column in COLUMNS if column not in rows.columns]
        if missing:
            raise OffpriorError(f"not an evaluation table; missing columns: {', '.join(missing)}")
        self._rows = rows.reset_index(drop=True)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        return f"Table of {len(self)} rows: {'; '.join(f'{what}: {held}' for what, held in self._held().items())}"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{html.escape(what)}</th><td>{html.escape(held)}</td></tr>" for what, held in self._held().items()
        )
        return f"<table><tr><th>rows</th><td>{len(self):,}</td></tr>{rows}</table>"

    def _held(self) -> dict[str, str]:
        """Describes in words what the table holds."""
        rows = self._rows
        seeds = sorted(int(seed) for seed in rows["seed"].unique() if seed >= 0)
        return {
            "probes": ", ".join(map(str, rows["probe"].unique())),
            "predictors": ", ".join(map(str, rows["predictor"].unique())),
            "context lengths": ", ".join(str(length) for length in sorted(rows["length"].unique())),
            "prompts per cell": str(int(rows["task"].max()) + 1 if len(rows) else 0),
            **({"training seeds": ", ".join(map(str, seeds))} if seeds else {}),
        }

    def to_pandas(self) -> pd.DataFrame:
        """Returns a copy of the rows as a data frame."""
        return self._rows.copy()

    def append(self, other: "Table") -> "Table":
        """Returns both tables' rows; if both hold a row, that of `other` is taken.

        Further training seeds, predictors or context lengths are added to the existing ones. Rows that cannot be paired
        are not combined: a cell whose prompts differ is taken from `other` alone, and so is a probe with another path.
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
        """Writes a Parquet file, to a temporary name that is then renamed."""
        write_parquet(Path(path), self._rows)

    @classmethod
    def load(cls, path: str | Path) -> "Table":
        """Reads a file that `save` wrote.

        Raises:
            OffpriorError: the file is missing, unreadable, or not an evaluation table.
        """
        path = Path(path)
        if not path.is_file():
            raise OffpriorError(f"{path}: no such table")
        try:
            rows = read_parquet(path)
        except (OSError, ValueError) as error:
            raise OffpriorError(f"{path}: not a readable table: {' '.join(str(error).split())}") from error
        return cls(rows)

    def metrics(
        self,
        predictor: str | None = None,
        *,
        placement: str | None = ALL,
        gate: "Table | None" = None,
        prior_known: bool = True,
    ) -> pd.DataFrame:
        """Computes metrics with their intervals, one row per cell (`offprior.analysis.metrics`).

        Args:
            predictor: the predictor to judge; None takes the one called "model", or else the only one that is not a
                reference.
            placement: which queries to use: all, or those `between` or `beyond` the context's outermost inputs. None
                gives one row for each placement that is known. The column `placement` names it.
            gate: another table of the same predictor in which M1 is measured, if it has the prompts.
            prior_known: whether the predictor was pretrained on the table's mixture. If not, there is no B to compare
                with, and metrics and verdicts are those of `offprior.analysis.unknown_prior`.

        Raises:
            OffpriorError: there is no such predictor, or none is given among several; `placement` is unknown.
        """
        from offprior.analysis.metrics import metrics

        if placement is not None and placement not in PLACEMENTS:
            raise OffpriorError(
                f"placement: got {placement!r}; choose from {', '.join(PLACEMENTS)}, or None for all of them"
            )
        rows = None if gate is None else gate._rows
        found = metrics(self._rows, self._judged(predictor), rows, prior_known=prior_known)
        if placement is None or found.empty:
            return found
        return found[found["placement"] == placement].reset_index(drop=True)

    def verdicts(
        self,
        predictor: str | None = None,
        *,
        placement: str | None = ALL,
        gate: "Table | None" = None,
        prior_known: bool = True,
    ) -> "Verdicts":
        """Returns one verdict per cell (`offprior.analysis.verdict`), on the predictor that `metrics` would choose.

        The result is a data frame with the verdicts and the numbers behind them. Printing it shows the main columns;
        `print(table.verdicts().to_string())` shows all of them.
        """
        from offprior.analysis.verdict import verdicts

        return verdicts(self.metrics(predictor, placement=placement, gate=gate, prior_known=prior_known))

    def algorithms(self, predictor: str | None = None) -> pd.DataFrame:
        """Computes M11: the algorithm nearest to a predictor in every cell (`offprior.analysis.identification`).

        The result is empty unless untrained predictors were evaluated too.
        """
        from offprior.analysis.identification import identification

        return identification(self._rows, self._judged(predictor))

    def plot(
        self,
        probe: str | None = None,
        predictor: str | None = None,
        *,
        length: int | None = None,
        style: str = "page",
        width: float = 3.25,
    ) -> Any:
        """Plots error against the coordinate of a probe with matplotlib, for the predictor that `metrics` would choose.

        Args:
            probe: whose path; the first that has two places, unless given.
            predictor: whose errors.
            length: a context length, for its panel alone.
            style: "paper" is for a paper, `width` inches wide: without a title, its type about 8 points at that width.
                `.savefig("figure.pdf")` keeps its text as text.
            width: of a figure for a paper, in inches.

        Raises:
            OffpriorError: there is no such probe, or no probe's path has two places; there is no such predictor, or
                none is given among several; there is no such length; `style` or `width` is not a valid value.
        """
        from offprior.figures._look import look_of
        from offprior.figures.error_by_strength import ErrorByStrength, shown_probes
        from offprior.figures.figure import ReportData

        judged = self._judged(predictor)
        # Figures draw the predictor called "model".
        rows = self._rows if judged == MODEL else self._rows[self._rows["predictor"] != MODEL].copy()
        rows["predictor"] = rows["predictor"].replace({judged: MODEL})
        data = ReportData.from_evaluation(rows)
        known = shown_probes(data)
        if not known or probe not in (None, *known):
            asked = "no probe has" if probe is None else f"probe: {probe!r} is not a probe with"
            raise OffpriorError(f"{asked} a path of two or more places; the table has {', '.join(known) or 'none'}")
        lengths = sorted(int(each) for each in data.cells(probe or known[0])["length"].unique())
        if length not in (None, *lengths):
            raise OffpriorError(f"length: got {length!r}; choose from {', '.join(map(str, lengths))}")
        return ErrorByStrength(probe or known[0], length).draw(data, look_of(style, width))

    def _judged(self, predictor: str | None) -> str:
        known = [str(name) for name in self._rows["predictor"].unique()]
        own = [name for name in known if not is_reference(name) and not name.startswith((SPECIALIST, INSTRUCTED))]
        if predictor is None:
            if MODEL in own or len(own) == 1:
                return MODEL if MODEL in own else own[0]
            choices = ", ".join(repr(name) for name in own or known)
            raise OffpriorError(f"predictor: the table has no predictor 'model'; choose one of {choices}")
        if predictor not in known:
            close = nearest(predictor, known)
            hint = f"; did you mean {close!r}?" if close else f"; choose from {', '.join(repr(name) for name in known)}"
            raise OffpriorError(f"predictor: the table has no predictor {predictor!r}{hint}")
        return predictor
