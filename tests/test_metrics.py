"""Metrics on tables whose answers are known by hand: at a pooled variance of 4, an error of 2 is an NMSE of .5."""

import pkgutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from evaluation_rows import cell, table

from offprior import analysis
from offprior.analysis.metrics import metrics
from offprior.analysis.verdict import verdicts
from offprior.errors import OffpriorError
from offprior.table import Table

ERRORS = {"model": 1.0, "B": 2.0, "C": 0.4, "S": 1.6, "best fit: linear": 1.6, "best fit: sinusoid": 0.8}


def convex(rows):
    return metrics(rows).query("probe == 'convex'").iloc[0]


def test_values_by_hand():
    row = convex(table(ERRORS, gap=0.02))
    assert row["variance"] == pytest.approx(4.0)
    assert row["M1"] == pytest.approx(0.02 / 3), "within a family all means are alike: its variance is 4 − 1"
    assert row["M2"] == pytest.approx(0.25)
    assert row["bayes_nmse"] == pytest.approx(0.5) and row["combined_nmse"] == pytest.approx(0.1)
    assert row["M3"] == pytest.approx(0.4)
    assert row["M4"] == pytest.approx(0.25)
    assert row["M5"] == pytest.approx(0.625)
    assert row["M19"] == pytest.approx(0.15) and row["M20"] == pytest.approx(0.5)
    assert row["M6"] == pytest.approx(1.0 / 0.8)
    assert row["M8"] == pytest.approx(0.5) and row["M8_residual"] == pytest.approx(1 - 0.5 * 1 - 0.25 * 0.25)
    assert row["M8_class_probability"] == pytest.approx(0.25)
    assert row["M9_slope"] == pytest.approx(0.8) and row["M9_amplitude"] == pytest.approx(0.25)
    assert row["M12"] == pytest.approx(3.0)
    assert row["verdict"] == "generalises" and row["provisional"] == "1 seed: provisional"
    assert row["interval_over"] == "tasks"


def test_m1_is_taken_at_the_cells_own_context_length():
    good, bad = table(ERRORS, gap=0.02, length=10), table(ERRORS, gap=0.2, length=5)
    found = metrics(pd.concat([good, bad])).query("probe == 'convex'").set_index("length")
    assert found.loc[10, "verdict"] == "generalises"
    assert found.loc[5, "verdict"] == "under-trained" and found.loc[5, "M1"] == pytest.approx(0.2 / 3)


def test_m1_of_each_family():
    rows = table(ERRORS)
    own = (rows["predictor"] == "model") & (rows["probe"] == "in-distribution") & (rows["family"] == "sinusoid")
    rows.loc[own, "bayes_gap"] = 0.3
    row = convex(rows)
    assert row["M1: sinusoid"] == pytest.approx(0.1) and row["M1: linear"] == 0
    assert row["M1"] == pytest.approx(0.1) and row["verdict"] == "under-trained", "the worst family decides"


def test_interval_over_seeds_where_there_are_several():
    row = convex(table({**ERRORS, "model": [0.8, 1.0, 1.2]}, seeds=(0, 1, 2)))
    half = 4.302652729911275 * 0.05 / 3**0.5  # t quantile of 2 degrees of freedom, per-seed gains .3, .25, .2
    assert row["interval_over"] == "training seeds and tasks" and row["provisional"] == "3 seeds: provisional"
    assert row["M4"] == pytest.approx(0.25)
    assert [row["M4_low"], row["M4_high"]] == pytest.approx([0.25 - half, 0.25 + half])
    assert row["M4_tasks_low"] == pytest.approx(0.25), "the bootstrap over tasks stands beside"
    assert row["M5"] == pytest.approx(0.625)


def test_order_of_rows_and_seeds_does_not_matter():
    rows = table({**ERRORS, "model": [0.8, 1.0, 1.2]}, seeds=(0, 1, 2), noise=0.3)
    mixed = rows.sample(frac=1.0, random_state=4)
    one, other = (metrics(part).sort_values("probe", ignore_index=True) for part in (rows, mixed))
    pd.testing.assert_frame_equal(one[sorted(one)], other[sorted(one)])


def test_differences_are_paired():
    # Errors vary by half their size between tasks, yet model and B vary together: the interval of M4 is that of one of
    # them.
    row = convex(table({**ERRORS, "model": 1.9}, noise=0.5))
    assert row["M4_high"] - row["M4_low"] < 0.2 * (row["M2_high"] - row["M2_low"])
    assert row["M4_low"] <= row["M4"] <= row["M4_high"]


def test_bayes_itself_follows_bayes_and_c_composes():
    as_bayes, as_combined = convex(table({**ERRORS, "model": 2.0})), convex(table({**ERRORS, "model": 0.4}))
    assert as_bayes["M4"] == 0 and as_bayes["M5"] == 0 and as_bayes["verdict"] == "follows Bayes"
    assert as_combined["M5"] == pytest.approx(1.0) and as_combined["verdict"] == "generalises"


def test_without_a_prior_gap_there_is_no_share_of_it():
    row = convex(table({**ERRORS, "B": 0.44}))
    assert row["M3"] == pytest.approx(0.01) and row["verdict"] == "no prior gap" and np.isnan(row["M5"])


def test_context_slope_is_that_of_log_k():
    rows = pd.concat(
        [table({**ERRORS, "model": error}, length=length) for length, error in ((5, 2.0), (10, 1.6), (20, 1.2))]
    )
    row = metrics(rows).query("probe == 'convex'").iloc[0]
    assert row["M13"] == pytest.approx(-0.1 / np.log(2))


def test_verdict_table_leaves_out_the_plain_test():
    found = verdicts(metrics(table(ERRORS)))
    assert found["probe"].tolist() == ["convex"]


def test_table_round_trip_and_append(tmp_path):
    one = Table(table(ERRORS))
    one.save(tmp_path / "evaluation.parquet")
    pd.testing.assert_frame_equal(Table.load(tmp_path / "evaluation.parquet").to_pandas(), one.to_pandas())
    again = Table(cell({**ERRORS, "model": 3.0}))
    both = one.append(again)
    assert len(both) == len(one), "rows of the same probe are replaced"
    assert both.metrics().query("probe == 'convex'")["M2"].iloc[0] == pytest.approx(0.75)


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(OffpriorError, match="missing columns: probe"):
        Table(pd.DataFrame({"x": [1]}))
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(OffpriorError, match="not a readable table"):
        Table.load(tmp_path / "torn.parquet")
    with pytest.raises(OffpriorError, match="no such table"):
        Table.load(tmp_path / "none.parquet")


def test_metrics_need_no_jax():
    modules = [module.name for module in pkgutil.walk_packages(analysis.__path__, "offprior.analysis.")]
    assert {"offprior.analysis.metrics", "offprior.analysis.verdict"} <= set(modules)
    program = f"import sys, offprior.table, {', '.join(modules)}\nsys.exit('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_inside_the_prior_a_combined_predictor_without_a_closed_form_is_not_missed():
    """Where the probe says that the prior holds the functions, there is nothing for C to gain."""
    errors = {"model": 0.8, "B": 0.2, "C": np.nan}
    inside, outside = (metrics(table(errors, probe=probe, noise=0.1)) for probe in ("other", "convex"))
    assert set(inside.query("probe == 'other'")["verdict"]) == {"no prior gap"}
    assert set(outside.query("probe == 'convex'")["verdict"]) == {"worse than Bayes"}


def test_a_plot_is_of_any_predictor_and_errors_say_what_is_missing():
    """A table without a predictor called "model" is drawn as well as one with it."""
    rows = pd.concat([table(ERRORS, strength=a) for a in (0.25, 0.5)])
    rows = rows.drop_duplicates(["probe", "strength", "task", "predictor", "seed"])
    rows["predictor"] = rows["predictor"].replace({"model": "ridge"})
    assert Table(rows).plot().axes and Table(rows).plot("convex", predictor="ridge").axes
    with pytest.raises(
        OffpriorError, match="'shift' is not a probe with a path of two or more places; the table has convex"
    ):
        Table(rows).plot("shift")
    with pytest.raises(OffpriorError, match="no probe has a path of two or more places; the table has none"):
        Table(table(ERRORS)).plot()
