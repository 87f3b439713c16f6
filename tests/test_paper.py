"""Figures for a paper: at the width of its column, legible there, chosen by name; their text is text."""

import dataclasses
import itertools
import re

import pandas as pd
import pytest
from fixture_table import report_data, study_data, token_data, write_run
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from offprior import catalog
from offprior.cli import main
from offprior.errors import OffpriorError
from offprior.figures._look import paper
from offprior.figures.figure import REPORT
from offprior.report.paper import write_paper
from offprior.report.report import write_report
from offprior.table import Table

FEW = ("in-distribution", "convex", "mixture-weight")
WIDTH = 3.25


@pytest.fixture(scope="module")
def data():
    few = report_data(probes=FEW, placed=True)
    # Words as long as a probe's are.
    return dataclasses.replace(few, evaluation=few.evaluation.replace({"axis": {"share w of the prompts": "w " * 30}}))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with few figures: they are what takes time."""
    few = dataclasses.replace(
        report_data(probes=("in-distribution", "mixture-weight")), panels=pd.DataFrame({"panel": []})
    )
    return write_run(tmp_path_factory.mktemp("runs") / "mueller-2023", few)


def figures_of(data):
    """Every figure and every panel of the catalogue, by name."""
    for name in catalog.names("figures"):
        kind = catalog.find("figures", name)()
        of_kind = token_data() if kind.of_tokens else study_data() if kind.of_study else data
        for added, figure in kind.variants(of_kind).items():
            yield f"{name}:{added}", figure, of_kind
            yield from ((f"{name}:{added}:{part}", each, of_kind) for part, each in figure.panels(of_kind).items())


@pytest.mark.parametrize("width", [WIDTH, 6.75])
def test_every_figure_is_legible_at_its_width_and_has_no_title(data, width):
    names = []
    for name, figure, of_kind in figures_of(data):
        canvas = figure.draw(of_kind, paper(width))
        assert canvas is not None and canvas.get_figwidth() == width, name
        assert canvas.get_suptitle() == "", name
        FigureCanvasAgg(canvas).draw()
        texts = [text for text in canvas.findobj(Text) if text.get_visible() and text.get_text().strip()]
        assert min(text.get_fontsize() for text in texts) >= 7, name
        for legend in canvas.legends:
            box = legend.get_window_extent()
            assert box.x0 >= -1 and box.x1 <= canvas.bbox.x1 + 1, f"{name}: a legend runs off the paper"
            assert box.y0 >= -1, name
        labels = [label for axis in canvas.axes for label in (axis.xaxis.label, axis.yaxis.label) if label.get_text()]
        labels += [text for text in (canvas._supxlabel, canvas._supylabel) if text is not None and text.get_text()]  # pyright: ignore
        for label in labels:
            (left, low), (right, high) = label.get_window_extent().get_points()
            inside = left >= -1 and low >= -1 and right <= canvas.bbox.x1 + 1 and high <= canvas.bbox.y1 + 1
            assert inside, f"{name}: {label.get_text()!r} runs off the paper"
        boxes = [label.get_window_extent() for label in labels]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2)), name
        names.append(name)
    assert "error-by-strength:convex:40" in names and "headline::cell" in names and "verdict-map:beyond:convex" in names


def test_a_single_panel_has_no_title_and_several_are_told_apart(data):
    (figure,) = [each for name, each, _ in figures_of(data) if name == "error-by-strength:convex:40"]
    assert [axis.get_title() for axis in figure.draw(data, paper(WIDTH)).axes] == [""]
    (figure,) = [each for name, each, _ in figures_of(data) if name == "error-by-strength:convex"]
    titles = [axis.get_title() for axis in figure.draw(data, paper(WIDTH)).axes]
    assert titles == ["5 context pairs", "20 context pairs", "40 context pairs"]


def test_without_names_everything_is_written(data, tmp_path):
    kept = tmp_path / "mine.txt"
    kept.write_text("mine")
    written = write_paper(data, tmp_path, width=WIDTH)
    names = {file.name for file in written}
    assert {"headline.pdf", "headline.svg", "verdict-map-between.pdf", "verdict-table-convex.tex"} <= names
    assert "verdict-table-in-distribution.tex" not in names and "error-by-strength-convex-40.pdf" not in names
    assert {file.name for file in tmp_path.iterdir()} == {*names, kept.name}, "another's file is left alone"
    for file in written:
        if file.suffix == ".pdf":
            content = file.read_bytes()
            assert b"/CIDFontType2" in content and b"/Type3" not in content, file.name
            width = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ", content)
            assert width and float(width[1]) == pytest.approx(72 * WIDTH, abs=0.5), file.name
        if file.suffix == ".svg":
            text = file.read_text()
            assert "<text" in text and 'id="DejaVu' not in text, "glyphs drawn as outlines"
            assert set(re.findall(r'font-family: ([^;"]*)', text)) == {
                "'DejaVu Sans', 'Bitstream Vera Sans', Verdana, Geneva, sans-serif"
            }


@pytest.mark.parametrize(
    ("only", "stems"),
    [
        (["error-by-strength:convex"], ["error-by-strength-convex"]),
        (["error-by-strength:convex:40"], ["error-by-strength-convex-40"]),
        (["error-by-strength"], ["error-by-strength-convex", "error-by-strength-mixture-weight"]),
        (["verdict-table:convex", "headline:path"], ["headline-path", "verdict-table-convex"]),
        (["error-by-strength:convex", "error-by-strength:convex"], ["error-by-strength-convex"]),
    ],
)
def test_figures_by_name(data, tmp_path, only, stems):
    written = write_paper(data, tmp_path, width=WIDTH, only=only)
    assert sorted({file.stem for file in written}) == stems


def test_a_probe_s_label_is_a_name_too(tmp_path):
    few = report_data(probes=("in-distribution", "mixture-weight"))
    labelled = {
        name: getattr(few, name).replace({"mixture-weight": "mixture-weight, with sums"}) for name in ("metrics",)
    }
    data = dataclasses.replace(few, **labelled)
    for name in ("error-by-strength:mixture-weight, with sums", "error-by-strength:mixture-weight-with-sums"):
        (pdf, _) = write_paper(data, tmp_path, only=[name])
        assert pdf.name == "error-by-strength-mixture-weight-with-sums.pdf"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("eror-by-strength", "did you mean error-by-strength? choose from headline, "),
        ("error-by-strength:convx", "did you mean error-by-strength:convex? choose from error-by-strength:convex, "),
        ("error-by-strength:convex:41", "choose from error-by-strength:convex:5, error-by-strength:convex:20, "),
        ("nothing at all", "choose from headline, prediction-panels, "),
    ],
)
def test_a_name_that_is_none_is_told_what_there_is(data, tmp_path, name, says):
    with pytest.raises(OffpriorError) as caught:
        write_paper(data, tmp_path, only=[name])
    assert repr(name) in str(caught.value) and says in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_from_the_command_line_into_the_report(run, capsys):
    command = ["report", str(run), "--style", "paper", "--width", "4", "--only", "headline", "verdict-table"]
    assert main(command) == 0
    assert "Figures: 1, tables: 1" in capsys.readouterr().out
    files = {"headline.pdf", "headline.svg", "verdict-table-mixture-weight.tex"}
    assert {file.name for file in (run / "report" / "paper").iterdir()} == files
    write_report(run)
    assert {file.name for file in (run / "report" / "paper").iterdir()} == files, "a report written again keeps them"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--width", "4"], "only --style paper takes --width"),
        (["--only", "headline"], "only --style paper takes --only"),
        (["--style", "paper", "--width", "0.5"], "width: must be 3 to 20 inches, got 0.5"),
        (["--style", "paper", "--only", "hedline"], "did you mean headline?"),
        (["--style", "papr"], "page"),
    ],
)
def test_mistakes_are_a_line(run, options, says, capsys):
    assert main(["report", str(run), *options]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_from_python(run, tmp_path):
    from offprior.commands.stored_run import Run

    folder = Run(run).report("paper", width=WIDTH, only=["headline"], out=tmp_path / "figures")
    assert {file.name for file in folder.iterdir()} == {"headline.pdf", "headline.svg"}
    with pytest.raises(OffpriorError, match="paper"):
        Run(run).report("papper")


def test_a_table_plots_a_panel_for_a_paper_and_saves_text_as_text(data, tmp_path):
    table = Table(data.evaluation)
    canvas = table.plot("convex", length=40, style="paper", width=WIDTH)
    assert canvas.get_figwidth() == WIDTH and len(canvas.axes) == 1
    canvas.savefig(tmp_path / "figure.pdf")
    assert b"/Type3" not in (tmp_path / "figure.pdf").read_bytes()
    assert len(table.plot("convex").axes) == 3 and table.plot("convex").get_figwidth() == REPORT.width
    for wrong in ({"length": 41}, {"style": "poster"}, {"style": "paper", "width": 100}):
        with pytest.raises(OffpriorError):
            table.plot("convex", **wrong)


def test_a_run_without_an_evaluation_of_that_kind_says_so(tmp_path, data):
    without = dataclasses.replace(data, panels=pd.DataFrame())
    with pytest.raises(OffpriorError, match="nothing to show"):
        write_paper(without, tmp_path, only=["prediction-panels"])
