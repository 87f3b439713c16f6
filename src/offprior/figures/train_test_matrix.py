"""The error of each place's model on the prompts of every place of a study."""

from typing import ClassVar

import matplotlib.figure
import numpy as np
from matplotlib.colors import LogNorm

from offprior.figures._look import Look
from offprior.figures.figure import Figure, ReportData
from offprior.figures.study_map import write_numbers

SMALLEST = 1e-4
"""Normalised errors below this have its colour."""


class TrainTestMatrix(Figure):
    """Train on one, test on another: the normalised error of each place's model on the prompts of every place.

    Rows are the mixtures that models were trained on, columns the mixtures that they were tested on; the diagonal is in
    distribution. An error of 1 is as good as the mean of all truths.
    """

    place: ClassVar[int] = 3
    of_study: ClassVar[bool] = True

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        if data.study is None or data.study.matrix.empty:
            return None
        matrix = data.study.matrix
        tested = list(dict.fromkeys(matrix["tested"]))
        trained = [label for label in tested if label in set(matrix["trained"])]
        table = matrix.pivot(index="trained", columns="tested", values="value")
        values = table.reindex(index=trained, columns=tested).to_numpy(float)
        size = Look(min(look.width, 3.0 + 1.1 * len(tested))) if not look.is_paper else look
        canvas = size.canvas(1.3 + 0.3 * len(trained) if look.is_paper else 1.8 + 0.55 * len(trained))
        axis = canvas.subplots()
        top = max(1.0, float(np.nanmax(values)))
        drawn = axis.imshow(np.maximum(values, SMALLEST), cmap="viridis_r", norm=LogNorm(SMALLEST, top), aspect="auto")
        axis.set_xticks(range(len(tested)), tested, rotation=90 if look.is_paper else 25)
        axis.set_yticks(range(len(trained)), trained)
        axis.set_xlabel("tested on")
        axis.set_ylabel("trained on")
        axis.grid(False)
        write_numbers(axis, values, drawn, look)
        canvas.colorbar(drawn, ax=axis, label=data.wording.error)
        look.title(canvas, f"Train on one, test on another, {data.study.study.measure.length} {data.wording.of}")
        return canvas
