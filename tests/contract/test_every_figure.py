"""Every figure of the catalogue, those to come included: drawn from stored tables alone."""

import matplotlib.figure
import pytest
from fixture_table import report_data, study_data, token_data

from offprior import catalog
from offprior.figures.figure import Figure, ReportData
from offprior.report import images

NAMES = catalog.names("figures")


def test_the_catalogue_has_figures():
    assert {"error-by-strength", "prediction-panels", "verdict-map"} <= set(NAMES)


def data_of(figure: Figure) -> ReportData:
    if figure.of_tokens:
        return token_data()
    return study_data() if figure.of_study else report_data(placed=True)


@pytest.mark.parametrize("name", NAMES)
def test_a_figure(name, tmp_path):
    """Built with no arguments, captioned in a sentence, drawn from a run's tables, and writable."""
    figure = catalog.find("figures", name)()
    assert isinstance(figure, Figure)
    assert catalog.name_of(type(figure)) == name
    assert figure.caption.endswith(".") and figure.caption == catalog.caption("figures", name)
    canvas = figure.draw(data_of(figure))
    assert canvas is not None and isinstance(canvas, matplotlib.figure.Figure)
    assert sum(len(axis.get_children()) for axis in canvas.axes) > 12
    svg = images.save(canvas, tmp_path, name)
    assert svg.startswith("<svg") and len(svg) > 5_000
    assert (tmp_path / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", NAMES)
def test_without_its_tables_a_figure_is_none(name):
    assert catalog.find("figures", name)().draw(ReportData()) is None


@pytest.mark.parametrize("name", NAMES)
def test_a_figure_leaves_the_tables_alone(name):
    figure = catalog.find("figures", name)()
    data = data_of(figure)

    def tables():
        of_study = () if data.study is None else (data.study.curve, data.study.seeds, data.study.matrix)
        return [table.copy() for table in (data.metrics, data.training, data.panels, *of_study)]

    before = tables()
    figure.draw(data)
    after = tables()
    assert all(was.equals(now) for was, now in zip(before, after, strict=True))
