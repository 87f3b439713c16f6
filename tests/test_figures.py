"""What single figures show, and where."""

import dataclasses
import itertools
import subprocess
import sys
from typing import Any

import fontTools.subset
import matplotlib.colors
import numpy as np
import pandas as pd
import pytest
from fixture_table import OF_PLACEMENT, RANGE, evaluation, report_data, study_data
from matplotlib.backends.backend_agg import FigureCanvasAgg

from offprior import catalog
from offprior.figures._error_curves import coincide
from offprior.figures.between_and_beyond import BetweenAndBeyond
from offprior.figures.error_by_length import ErrorByLength
from offprior.figures.error_by_strength import ErrorByStrength
from offprior.figures.figure import (
    CLASS_STYLES,
    RUN_STYLES,
    STYLES,
    ReportData,
    along_context,
    prior_spans,
    spread,
    style_of,
)
from offprior.figures.headline import Headline
from offprior.figures.implied_weight import ImpliedWeight
from offprior.figures.prediction_panels import PredictionPanels
from offprior.figures.training_curve import TrainingCurve
from offprior.figures.training_map import TrainingMap
from offprior.figures.verdict_map import LOOKS, OFF, VerdictMap, look_of, verdict_of
from offprior.report import images


def test_every_predictor_of_a_training_map_has_a_colour_of_its_own():
    data = study_data()
    rows = data.trajectory[data.trajectory["algorithm"] != "B"]
    one = rows[rows["algorithm"] == "inference"]
    names = [f"predictor {number}" for number in range(6)]
    parts = []
    for number, name in enumerate(names):  # each is the nearest at one place and step
        lowest = (one["place"] + 3 * np.log10(one["step"])) % 6 == number
        value = np.where(lowest, 0.1, 1.0)
        parts.append(one.assign(algorithm=name, value=value, low=0.9 * value, high=1.1 * value))
    canvas = TrainingMap().draw(dataclasses.replace(data, trajectory=pd.concat(parts)))
    assert canvas is not None
    patches = {patch.get_label(): patch.get_facecolor() for patch in canvas.legends[0].get_patches()}
    found = [patches[name] for name in names]
    assert len(set(found)) == 6
    titles = [axis.get_title() for axis in canvas.axes]
    assert titles == ["in distribution, 40 pairs", "held-out-sources, 1, 40 pairs"]


def drawn(figure, data):
    canvas = figure.draw(data)
    assert canvas is not None
    return canvas


def labels(canvas):
    return [text.get_text() for text in canvas.legends[0].get_texts()]


def words_of(canvas):
    return [text.get_text() for axis in canvas.axes for text in axis.texts]


def line(axis, label) -> Any:
    return next(found for found in axis.lines if found.get_label() == label)


CURVE_OF_S = "S: smoother, knows no family"
CURVES = {
    "model": "M2",
    "B: Bayes, pretraining mixture": "bayes_nmse",
    "C: Bayes, the probe's tasks included": "combined_nmse",
    CURVE_OF_S: "smoother_nmse",
}


def test_a_figure_a_probe():
    data = report_data()
    variants = ErrorByStrength().variants(data)
    assert list(variants) == ["convex", "frequency", "mixture-weight", "context-length"]
    assert variants["convex"].caption.startswith("convex: normalised error along its coordinate")


def test_the_curves_are_the_metrics():
    data = report_data()
    axes = drawn(ErrorByStrength("convex"), data).axes
    assert [axis.get_title() for axis in axes] == ["5 context pairs", "20 context pairs", "40 context pairs"]
    cells = data.cells("convex")
    cells = cells[cells["length"] == 40]
    for label, column in CURVES.items():
        found = line(axes[2], label)
        np.testing.assert_allclose(found.get_xdata(), cells["strength"])
        np.testing.assert_allclose(found.get_ydata(), cells[column])
    assert axes[2].get_yscale() == "log"


def test_every_curve_has_its_interval():
    """A band each for the model, B, C and S."""
    axes = drawn(ErrorByStrength("convex"), report_data()).axes
    assert {len(axis.collections) for axis in axes} == {len(CURVES)}


def test_b_and_c_are_one_curve_where_they_coincide():
    data = report_data()
    cells = data.metrics.copy()
    here = (cells["probe"] == "convex") & (cells["length"] == 40)
    cells.loc[here, "combined_nmse"] = 1.001 * cells.loc[here, "bayes_nmse"]
    canvas = drawn(ErrorByStrength("convex"), dataclasses.replace(data, metrics=cells))
    both, (bayes, combined) = "B = C: Bayes, with and without the probe's tasks", list(CURVES)[1:3]
    names = [[found.get_label() for found in axis.lines] for axis in canvas.axes]
    assert both in names[2] and not {bayes, combined} & set(names[2])
    assert both not in names[0] and {bayes, combined} <= set(names[0])
    assert {both, bayes, combined} <= set(labels(canvas))


def test_the_headline_s_figure_has_the_cell_s_errors():
    data = report_data()
    cell = data.quoted()
    assert cell is not None
    path, dots = drawn(Headline(), data).axes
    at = line(path, f"the cell quoted, a = {cell['strength']:.3g}").get_xdata()
    np.testing.assert_array_equal(at, [cell["strength"]] * 2)
    found = [float(each.get_ydata()[0]) for each in dots.lines]
    np.testing.assert_allclose(found, [cell[column] for column in CURVES.values()])


def test_the_pretraining_range_is_the_one_that_the_probe_knows():
    data = report_data()
    assert prior_spans(data, data.cells("frequency")) == [RANGE]
    assert prior_spans(data, data.cells("convex")) == [(0.0, 0.0), (1.0, 1.0)]
    nothing_known = ReportData.from_evaluation(evaluation().drop(columns=["axis", "prior_low", "prior_high"]))
    ((low, high),) = prior_spans(nothing_known, data.cells("frequency"))
    assert RANGE[0] <= low < high <= RANGE[1]


def test_other_runs_are_laid_over():
    data = report_data()
    other = dataclasses.replace(report_data(label="other", compose=0.9), recipe={"mixture": {"noise": 0.5}})
    canvas = drawn(ErrorByStrength("convex"), dataclasses.replace(data, others=(other,)))
    assert {"model: mueller-2023", "model: other", "B: other"} <= set(labels(canvas))
    same = dataclasses.replace(other, recipe=data.recipe)
    assert "B: other" not in labels(drawn(ErrorByStrength("convex"), dataclasses.replace(data, others=(same,))))


def test_another_run_is_laid_over_where_b_and_c_are_one_curve():
    rows = evaluation()
    combined = rows.query("predictor == 'B'").assign(predictor="C")
    alike = pd.concat([rows.query("predictor != 'C'"), combined], ignore_index=True)
    data = dataclasses.replace(report_data(), metrics=ReportData.from_evaluation(alike).metrics)
    assert coincide(data.cells("convex")), "what this is about"
    canvas = drawn(ErrorByStrength("convex"), dataclasses.replace(data, others=(dataclasses.replace(data, label="o"),)))
    assert "model: o" in labels(canvas)


def test_ten_times_the_floor_is_drawn_where_prompts_are_noise_free():
    canvas = drawn(ErrorByStrength("convex"), report_data(noise_free=True))
    assert "B at 10× floor" in labels(canvas)
    assert "B at 10× floor" not in labels(drawn(ErrorByStrength("convex"), report_data()))


def shown_ticks(axis):
    low, high = axis.get_xlim()
    places = zip(axis.get_xticks(), axis.get_xticklabels(), strict=True)
    return [label for place, label in places if low <= place <= high]


@pytest.mark.parametrize("probe", ["orthogonal-queries", "noise-tail"])
def test_any_probe_s_coordinate_is_readable(probe):
    """In the words of the probe's own class, inside the canvas, and over no other label."""
    rows = evaluation()
    rows = rows[rows["probe"].isin(["mixture-weight", "in-distribution"])]
    words = catalog.find("probes", probe).axis  # pyright: ignore[reportAttributeAccessIssue]
    named = {"probe": {"mixture-weight": f"{probe}, noise-free"}}
    data = ReportData.from_evaluation(rows.replace({**named, "axis": {"share w of the prompts": words}}))
    for figure in (ErrorByStrength(f"{probe}, noise-free"), VerdictMap()):
        canvas = drawn(figure, data)
        FigureCanvasAgg(canvas).draw()
        found = [axis.xaxis.label for axis in canvas.axes]
        assert {" ".join(label.get_text().split()) for label in found} == {words}
        ticks = [tick for axis in canvas.axes for tick in shown_ticks(axis)]
        boxes = [text.get_window_extent() for text in (*found, *ticks)]
        assert all(canvas.bbox.contains(*corner) for box in boxes for corner in box.corners())
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("words", ["zeal z", "", None])
def test_a_probe_of_another_package_is_shown_by_its_words_or_its_symbol(words):
    rows = evaluation().query("probe == 'mixture-weight'").assign(probe="theirs", coordinate="z", axis=words)
    (axis, *_) = drawn(ErrorByStrength("theirs"), ReportData.from_evaluation(rows)).axes
    assert axis.get_xlabel() == (words or "z")


def test_metrics_alone_are_drawn_with_symbols_at_the_axes():
    data = report_data()
    alone = ReportData(metrics=data.metrics, verdicts=data.verdicts)
    for figure in (ErrorByStrength("frequency"), VerdictMap()):
        assert "ω" in [axis.get_xlabel() for axis in drawn(figure, alone).axes]


def test_context_lengths_beyond_pretraining_are_marked():
    data = report_data()
    assert along_context(data.cells("context-length"))
    (axis,) = drawn(ErrorByStrength("context-length"), data).axes
    np.testing.assert_array_equal(line(axis, "longest in pretraining, 40 pairs").get_xdata(), [40, 40])


def test_error_by_length_takes_the_largest_prior_gap():
    data = report_data()
    cells = data.cells("convex")
    longest = cells[cells["length"] == 40]
    strength = longest.loc[longest["M3"].idxmax(), "strength"]
    titles = [axis.get_title() for axis in drawn(ErrorByLength(), data).axes]
    assert f"convex, a = {strength:.3g}" in titles and "in-distribution" in titles


def test_the_smoother_stands_in_the_figure_against_length():
    data = report_data()
    axis = next(axis for axis in drawn(ErrorByLength(), data).axes if axis.get_title() == "in-distribution")
    cells = data.cells("in-distribution")
    np.testing.assert_allclose(line(axis, CURVE_OF_S).get_ydata(), cells["smoother_nmse"])


@pytest.fixture(scope="module")
def placed():
    return report_data(probes=("in-distribution", "convex"), placed=True)


def test_between_and_beyond_are_their_own_metrics(placed):
    canvas = drawn(BetweenAndBeyond("convex"), placed)
    assert [axis.get_title() for axis in canvas.axes] == ["between the context's points", "beyond the context's points"]
    assert set(CURVES) <= set(labels(canvas))
    for axis, placement in zip(canvas.axes, ("between", "beyond"), strict=True):
        cells = placed.cells("convex", placement)
        cells = cells[cells["length"] == 40]
        for label, column in CURVES.items():
            np.testing.assert_allclose(line(axis, label).get_ydata(), cells[column])
    # Beyond the points the smoother of the simulation knows nothing.
    assert line(canvas.axes[1], CURVE_OF_S).get_ydata().min() > 0.9


def test_a_table_without_placements_has_no_figure_of_them(placed):
    old = report_data()
    assert old.placements == ["all"] and not BetweenAndBeyond().belongs_to(old)
    assert list(VerdictMap().variants(old)) == [""]
    assert list(VerdictMap().variants(placed)) == ["", "between", "beyond"]
    assert list(BetweenAndBeyond().variants(placed)) == ["convex"]


def test_a_table_without_a_smoother_is_drawn():
    rows = evaluation().drop(columns=OF_PLACEMENT).query("predictor != 'S' and probe in ['in-distribution', 'convex']")
    data = ReportData.from_evaluation(rows)
    for figure in (ErrorByStrength("convex"), ErrorByLength()):
        assert "B: Bayes, pretraining mixture" in labels(drawn(figure, data))
        assert CURVE_OF_S not in labels(drawn(figure, data))
    assert not {"generalises", "smooths"} & set(data.metrics["verdict"]), "nothing is known of a smoother"


def test_the_map_of_a_placement_has_its_verdicts(placed):
    for placement in placed.placements:
        written = words_of(drawn(VerdictMap(placement), placed))
        cells = placed.cells("convex", placement)
        looks = [LOOKS[look_of(cell)][0] for cell in cells.to_dict("records")]
        assert {word: written.count(word) for word in looks} == {word: looks.count(word) for word in looks}, placement
    assert "smooths" in words_of(drawn(VerdictMap("between"), placed))
    assert "generalises" in words_of(drawn(VerdictMap("beyond"), placed))


def test_an_under_trained_cell_names_the_family(placed):
    cells = placed.metrics.copy()
    here = (cells["probe"] == "convex") & (cells["length"] == 5)
    cells.loc[here, ["verdict", "verdict_fdr"]] = "under-trained"
    cells.loc[here, "M1: sinusoid"] = 0.067
    written = words_of(drawn(VerdictMap(), dataclasses.replace(placed, metrics=cells)))
    assert written.count("sinusoid") == here.sum() == written.count("under-tr.")


def test_a_cell_without_a_gap_is_white_only_where_the_model_is_not_off():
    """The kind: inputs change, functions do not, so that the prior holds them, and the model is far off them."""
    fine = {"verdict": "no prior gap", "verdict_fdr": "no prior gap", "off_bayes": False, "shortfall_low": 0.0}
    assert look_of(fine) == "no prior gap" and LOOKS["no prior gap"][1] == "#ffffff"
    off = {**fine, "off_bayes": True, "shortfall_low": 1.7}
    assert look_of(off) == OFF and LOOKS[OFF][1] != "#ffffff"
    older = {"verdict": "no prior gap", "shortfall_low": 0.3}
    assert look_of(older) == OFF and look_of({**older, "shortfall_low": 0.01}) == "no prior gap"


def test_a_map_shows_what_survives_the_false_discovery_rate(placed):
    cells = placed.metrics.copy()
    first = cells.index[cells["verdict"] == "generalises"][0]
    cells.loc[first, "verdict_fdr"] = "undecided"
    canvas = drawn(VerdictMap(), dataclasses.replace(placed, metrics=cells))
    before = words_of(drawn(VerdictMap(), placed))
    assert words_of(canvas).count("generalises") == before.count("generalises") - 1
    assert "false-discovery rate 5%" in canvas.get_suptitle()


def test_a_map_marks_what_few_tasks_carry(placed):
    cells = placed.metrics.assign(few_tasks_carry=False)
    none = drawn(VerdictMap(), dataclasses.replace(placed, metrics=cells))
    assert not any("†" in word for word in words_of(none)) and "†" not in none.get_suptitle()
    cells.loc[cells.index[cells["verdict"] == "generalises"][0], "few_tasks_carry"] = True
    canvas = drawn(VerdictMap(), dataclasses.replace(placed, metrics=cells))
    assert sum("†" in word for word in words_of(canvas)) == 1 and "few tasks carry it" in canvas.get_suptitle()


def test_implied_weight_between_its_two_readings():
    data = report_data()
    axis = drawn(ImpliedWeight(), data).axes[0]
    cells = data.cells("convex")
    cells = cells[cells["length"] == 5]
    np.testing.assert_allclose(line(axis, "averaging: mean P(class)").get_ydata(), cells["M8_class_probability"])
    np.testing.assert_allclose(line(axis, "model").get_ydata(), cells["M8"])
    np.testing.assert_array_equal(line(axis, "composing: a").get_ydata(), [0, 1])


def test_a_verdict_a_cell():
    data = report_data()
    canvas = drawn(VerdictMap(), data)
    cells = data.metrics[data.metrics["probe"] != "in-distribution"]
    written = [text.get_text() for axis in canvas.axes for text in axis.texts]
    looks = [look_of(cell) for cell in cells.to_dict("records")]
    for look, (word, _, _) in LOOKS.items():
        assert written.count(word) == looks.count(look), look
    assert "1 seed: provisional" in canvas.get_suptitle()


@pytest.mark.parametrize("verdict", LOOKS)
def test_cells_are_readable(verdict):
    """Contrast of text on its cell, by WCAG's formula, is 4.5 or more."""

    def luminance(color):
        channels = np.array(matplotlib.colors.to_rgb(color))
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    _, fill, text = LOOKS[verdict]
    bright, dark = sorted((luminance(fill), luminance(text)), reverse=True)
    assert (bright + 0.05) / (dark + 0.05) >= 4.5
    assert verdict_of(f"{verdict}; 1 seed: provisional") == verdict


def test_predictors_are_told_apart_by_colour():
    styles = [*STYLES.values(), *CLASS_STYLES[:2]]
    assert len({style.color for style in styles}) == len(styles)
    assert STYLES["model"].color not in {style.color for style in RUN_STYLES}
    assert style_of("class: sinusoid", ["linear", "sinusoid"]) == style_of("sinusoid", ["linear", "sinusoid"])
    assert style_of("class: linear", ["linear", "sinusoid"]) != style_of("class: sinusoid", ["linear", "sinusoid"])


def test_panels_show_every_predictor():
    shown = labels(drawn(PredictionPanels(), report_data()))
    assert {"context", "truth", *CURVES, "class: linear", "class: sinusoid"} == set(shown)


def test_training_curve_knows_logarithms():
    data = report_data()
    below_zero = drawn(TrainingCurve(), data)
    assert below_zero.axes[0].get_yscale() == "linear"
    above = data.training.assign(**{name: data.training[name] + 2 for name in ("loss: linear", "loss: sinusoid")})
    assert drawn(TrainingCurve(), dataclasses.replace(data, training=above)).axes[0].get_yscale() == "log"


def test_spread():
    assert spread([5, 1, 5, 3], 4) == [1, 3, 5]
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread(range(10), 1) == [9]


def test_the_same_tables_give_the_same_bytes(tmp_path):
    data = report_data()
    for folder in ("first", "second"):
        images.save(drawn(VerdictMap(), data), tmp_path / folder, "verdict-map")
    for suffix in ("svg", "pdf", "png"):
        first, second = ((tmp_path / folder / f"verdict-map.{suffix}").read_bytes() for folder in ("first", "second"))
        assert first == second, suffix
    assert b"dc:date" not in first


def test_no_jax():
    """Figures and reports read tables; jax takes a second and more to import."""
    program = """
import sys
from offprior import catalog
import offprior.report.report
for name in catalog.names("figures"):
    catalog.find("figures", name)
from offprior.report import paper, probe_cards
assert probe_cards.sentence("convex")
print(*(name for name in ("jax", "equinox", "numpyro", "matplotlib.pyplot") if name in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_fonts_of_a_pdf_have_no_rules_of_layout():
    """A default of fontTools that is not documented: without it, a figure's PDF takes twice the time."""
    tables = {"GSUB", "GPOS", "GDEF"}
    with images._fonts_without_rules_of_layout():
        assert tables <= set(fontTools.subset.Options().drop_tables)
    assert not tables & set(fontTools.subset.Options().drop_tables)
