"""Blocks are the rows of one predictor in one cell, whatever the order of the table."""

import numpy as np
import pandas as pd
import pytest

from offprior.analysis.blocks import blocks
from offprior.analysis.cells import CELL, PLACE, cells
from offprior.analysis.errors_of_predictors import errors
from offprior.analysis.estimate import intervals
from offprior.errors import OffpriorError
from offprior.evaluation.evaluate import evaluate
from offprior.mixture import Mixture
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.mean import Mean
from offprior.probes.convex import Convex


@pytest.fixture(scope="module")
def rows():
    table = evaluate([LeastSquares(), Mean()], [Convex(count=3)], [3, 6], mixture=Mixture(), tasks=6, queries=4)
    return table.to_pandas().sample(frac=1, random_state=0).reset_index(drop=True)


def test_every_row_is_in_one_block_and_sorted(rows):
    found = blocks(rows, PLACE)
    count = 0
    for of_predictors in found:
        for name, block in of_predictors.items():
            own = {key: block[key][0] for key in PLACE}
            alike = rows[(rows["predictor"] == name) & (rows[list(own)] == pd.Series(own)).all(axis=1)]
            alike = alike.sort_values(["seed", "task"])
            for column in ("task", "squared_error", "family"):
                np.testing.assert_array_equal(block[column], alike[column].to_numpy())
            count += len(alike)
    assert count == len(rows) and len(found) == len(rows.drop_duplicates(PLACE))


def test_a_block_without_some_tasks(rows):
    block = blocks(rows, PLACE)[0]["mean"]
    kept = block.without(np.asarray([1, 4]))
    assert kept["task"].tolist() == [0, 2, 3, 5]
    np.testing.assert_array_equal(kept["squared_error"], block["squared_error"][[0, 2, 3, 5]])
    assert kept.without(np.asarray([0]))["task"].tolist() == [2, 3, 5]


def test_rows_that_cannot_be_paired_are_told(rows):
    first = rows.query("predictor == 'B'").index[0]
    for broken in (rows.drop(index=first), pd.concat([rows, rows.loc[[first]]])):
        with pytest.raises(OffpriorError, match="rows cannot be paired"):
            cells(broken.reset_index(drop=True), "mean")


def test_intervals_together_are_those_one_by_one(rows):
    found = cells(rows, "mean")
    estimates = [cell.nmse("mean") for cell in found.values()]
    estimates += [estimates[0].root(), estimates[0].minus(estimates[1].root())]
    np.testing.assert_array_equal(intervals(estimates), [estimate.interval() for estimate in estimates])
    table = errors(rows).query("predictor == 'mean'").set_index(CELL)
    assert len(table) == len(found)
    for key, estimate in zip(found, estimates, strict=False):
        row = table.loc[key]
        assert (row["value"], row["low"], row["high"]) == (estimate.value, *estimate.interval())
