"""The history of a training run: one row per dispatch, kept in `training.parquet`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from offprior.storage.parquet import read_parquet, write_parquet

FILE = "training.parquet"


class History:
    """The rows of one training seed; other seeds' rows in the same file are left alone."""

    def __init__(self, folder: Path | None, seed: int, families: list[str]):
        self._path = None if folder is None else folder / FILE
        self._seed, self._families = seed, families
        self._rows: list[dict[str, Any]] = []

    @property
    def seconds(self) -> float:
        """Training time so far, in seconds, over all resumptions."""
        return self._rows[-1]["seconds"] if self._rows else 0.0

    def keep_until(self, step: int, warn: Callable[[str], None]) -> None:
        """Keeps the rows that an interrupted run had written, up to the checkpoint at `step`.

        A torn file is reported to `warn`, and its rows are lost; checkpoints do not depend on them.
        """
        if self._path is not None and self._path.exists():
            try:
                rows = read_parquet(self._path)
            except (OSError, ValueError) as error:
                warn(f"{self._path}: cannot be read ({' '.join(str(error).split())}); the training curve starts anew")
                self._path.unlink(missing_ok=True)
                return
            rows = rows[(rows["seed"] == self._seed) & (rows["step"] <= step)]
            self._rows = rows.dropna(axis="columns", how="all").to_dict("records")

    def add(self, begin: int, step: int, report: Any, seconds: float) -> None:
        """Adds a row for the dispatch from step `begin` to `step`; losses are means over its steps."""
        steps = step - begin
        drawn = np.asarray(report.drawn[-1], dtype=float)
        weights = np.isfinite(report.family_loss[:steps])
        losses = np.where(weights, report.family_loss[:steps], 0).sum(0) / np.maximum(weights.sum(0), 1)
        row: dict[str, Any] = {
            "seed": self._seed,
            "step": step,
            "loss": float(report.loss[:steps].mean()),
            "gradient_norm": float(report.gradient_norm[:steps].mean()),
            "learning_rate": float(report.learning_rate[steps - 1]),
            "seconds": seconds,
        }
        for name, loss, share in zip(self._families, losses, drawn / max(drawn.sum(), 1), strict=True):
            row[f"loss: {name}"] = float(loss)
            row[f"share: {name}"] = float(share)
        self._rows.append(row)

    @property
    def loss(self) -> float:
        """The loss of the last row."""
        return self._rows[-1]["loss"]

    def losses_since(self, step: float) -> list[float]:
        """Returns the losses of the rows after a step."""
        return [row["loss"] for row in self._rows if row["step"] > step]

    def latest(self) -> str:
        """Summarises the last row in a few words."""
        row = self._rows[-1]
        parts = [f"loss {row['loss']:.4f}"] + [f"{name} {row[f'loss: {name}']:.4f}" for name in self._families]
        return ", ".join(parts)

    def table(self) -> pd.DataFrame:
        """Returns all rows of this seed."""
        return pd.DataFrame(list(self._rows))  # copied, because another thread may write the table while rows are added

    def write(self) -> None:
        """Writes this seed's rows into the run's file."""
        if self._path is None:
            return
        rows = self.table()
        if self._path.exists():
            others = read_parquet(self._path)
            others = others[others["seed"] != self._seed]
            rows = pd.concat([others, rows], ignore_index=True) if len(others) else rows
        write_parquet(self._path, rows)
