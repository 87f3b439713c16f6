"""The report of a run: one page that opens offline, and says what the tables say."""

import dataclasses
import html
import html.parser
import re

import numpy as np
import pandas as pd
import pytest
from fixture_table import FAMILIES, report_data, write_run

from offprior import catalog
from offprior.errors import OffpriorError
from offprior.figures.figure import ReportData
from offprior.report import drawing, headline, images, probe_cards, tables, words
from offprior.report.report import read_run, write_page, write_report


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("runs") / "mueller-2023", report_data())
    write_report(folder)
    return folder


@pytest.fixture(scope="module")
def page(run):
    return (run / "report" / "index.html").read_text(encoding="utf-8")


FEW = ("in-distribution", "mixture-weight")


@pytest.fixture
def small(tmp_path):
    """A run with few figures: they are what takes time."""
    return write_run(
        tmp_path / "small", dataclasses.replace(report_data(probes=FEW), panels=pd.DataFrame({"panel": []}))
    )


class Reader(html.parser.HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.ids, self.addresses, self.tags, self.open = [], [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        if tag not in ("meta", "link", "img", "br") and not str(self.get_starttag_text()).endswith("/>"):
            self.open.append(tag)
        for name, value in attributes:
            if name == "id":
                self.ids.append(value)
            # What a page holds itself is no address: the raster of a colour bar.
            if name in ("href", "src", "xlink:href", "srcset", "data", "action") and not value.startswith(
                "data:image/"
            ):
                self.addresses.append(value)

    def handle_endtag(self, tag):
        if tag in self.open and self.get_starttag_text() is not None and self.open[-1] == tag:
            self.open.pop()


def test_the_page_opens_offline(page):
    reader = Reader(page)
    assert not reader.open, f"never closed: {reader.open}"
    assert not reader.tags & {"script", "link", "img", "iframe", "object"}
    assert all(not re.match(r"[a-z]+:|//", address) for address in reader.addresses), reader.addresses
    assert not re.search(r"@import|url\((?!#)", page)


def test_ids_are_unique_and_every_reference_is_there(page):
    reader = Reader(page)
    assert len(reader.ids) == len(set(reader.ids)) > 100
    referred = {address[1:] for address in reader.addresses if address.startswith("#")}
    referred |= set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r'aria-labelledby="([^"]+)"', page))
    assert referred <= set(reader.ids)


def test_its_files_are_beside_it(run, page):
    files = [address for address in Reader(page).addresses if not address.startswith("#")]
    assert len(files) > 30
    assert all((run / "report" / file).stat().st_size > 100 for file in files)
    verdicts = pd.read_parquet(run / "report" / "tables" / "verdicts.parquet")
    assert len(verdicts) == len(pd.read_csv(run / "report" / "tables" / "verdicts.csv")) == page.count('class="tag ')
    assert not list(run.glob("*.partial")) and not list(run.glob(".*"))


def test_what_a_reader_looks_for(page):
    data = report_data()
    for text in (
        headline.summary(data).replace("'", "&#39;"),
        "law of the inputs &lt;not found&gt;",
        "1 seed: provisional",
        "0.497",
        "a processor",
        "0.10.2",
        "squared",
        "All settings, as recipe.yaml",
        "2026-01-01 00:05 UTC",
        "has no effect",
    ):
        assert text in page, text


def test_the_first_figure_is_the_cell_that_the_summary_quotes(page):
    assert re.findall(r'<figure id="figure-([a-z0-9-]+)"', page)[0] == "headline"


def test_every_probe_has_its_sentence_and_a_small_figure(page):
    text = html.unescape(page)
    cards = text.split('<div class="card">')[1:]
    assert len(cards) == 4
    for card, probe in zip(cards, ("convex", "frequency", "mixture-weight", "context-length"), strict=True):
        assert card.lstrip().startswith("<svg") and catalog.caption("probes", probe) in card
    assert probe_cards.sentence("convex, one-sided 0.6") == catalog.caption("probes", "convex")
    assert probe_cards.sentence("a stranger's") == ""


def test_the_same_tables_give_the_same_page(small):
    first = write_report(small).read_text(encoding="utf-8")
    assert write_report(small).read_text(encoding="utf-8") == first


def test_a_run_of_another_state(tmp_path):
    """Without training curve and panels the page says so; without an evaluation there is no report."""
    few = report_data(probes=FEW)
    data = dataclasses.replace(few, training=pd.DataFrame(), panels=pd.DataFrame(), manifest={}, recipe={})
    text = write_page(data, tmp_path / "report").read_text(encoding="utf-8")
    assert text.count("Not shown, because") == 3
    folder = write_run(tmp_path / "run", few)
    (folder / "panels.parquet").unlink()
    assert read_run(folder).panels.empty
    (folder / "evaluation.parquet").unlink()
    with pytest.raises(OffpriorError, match="has not been probed"):
        write_report(folder)
    assert not (folder / "report").exists()


def test_several_runs_in_one(tmp_path, small):
    other = write_run(tmp_path / "another", report_data(label="another", compose=0.9, probes=FEW))
    text = write_report([small, other]).read_text(encoding="utf-8")
    assert "Also drawn in the error figures: another" in text
    assert (small / "report-with-another" / "index.html").exists()
    assert not (small / "report").exists()
    with pytest.raises(OffpriorError, match="no run"):
        write_report([])


def test_the_gate_is_in_words():
    rows = {row["family"]: row for row in words.gate(report_data())}
    assert list(rows) == list(FAMILIES)
    assert rows["linear"]["passed"] and "at every context length" in rows["linear"]["words"]
    data = report_data()
    cells = data.metrics.copy()
    cells.loc[(cells["probe"] == "in-distribution") & (cells["length"] == 5), "M1: sinusoid"] = 0.03
    failing = words.gate(dataclasses.replace(data, metrics=cells))[1]
    assert not failing["passed"]
    assert failing["words"].startswith("trained enough at 20 and 40 pairs, under-trained at 5")


def test_the_summary_claims_nothing_of_an_under_trained_model():
    data = report_data()
    said = headline.summary(data)
    assert "of the convex probe, with 40 context pairs" in said
    assert "the model generalises" in said and "(1 seed: provisional)" in said
    cells = data.metrics.assign(**{"M1": 0.02, "M1: sinusoid": 0.067, "M1: linear": 0.001, "verdict": "under-trained"})
    cells["verdict_fdr"] = cells["verdict"]
    said = headline.summary(dataclasses.replace(data, metrics=cells))
    assert "no claim is made" in said and "sinusoid: M1 = 0.067" in said and "linear: M1" not in said
    assert "generalises" not in said
    assert "nothing outside" in headline.summary(ReportData(label="x"))


PLACED = ("in-distribution", "convex")


def test_the_headline_has_the_smoother_s_number_and_both_placements():
    data = report_data(probes=PLACED, placed=True)
    cell = data.quoted()
    assert cell is not None
    said = headline.summary(data)
    assert f"a smoother that knows no family {words.number(cell['smoother_nmse'])}" in said
    for placement, begun in (("between", "Between the context's points"), ("beyond", "Beyond the context's points")):
        (here,) = [
            each
            for each in data.cells("convex", placement).to_dict("records")
            if (each["strength"], each["length"]) == (cell["strength"], cell["length"])
        ]
        sentence = said.partition(begun)[2].partition("Beyond the")[0]
        assert f"S {words.number(here['smoother_nmse'])}" in sentence and f"the model {here['verdict_fdr']}" in sentence
    assert "Between" not in headline.summary(report_data(probes=PLACED)), "an older table does not tell them apart"


def test_the_headline_is_the_middle_of_the_path_whatever_was_measured():
    """a = ½, and the middle place of other probes; the largest gap, or gain, of another place changes nothing."""
    data = report_data(probes=PLACED)
    for strength in (0.1, 0.2, 0.8):
        cells = data.metrics.copy()
        here = cells["strength"] == strength
        cells.loc[here, ["M3", "M4", "M5"]] = [5.0, 5.0, 1.0]
        cell = dataclasses.replace(data, metrics=cells).quoted()
        assert cell is not None and (cell["strength"], cell["length"]) == (0.5, 40)
    renamed = {"probe": data.metrics["probe"].replace({"convex": "frequency"})}
    other = data.metrics.assign(**renamed)
    at = {
        place: number for number, place in enumerate(np.sort(other.query("probe == 'frequency'")["strength"].unique()))
    }
    moved = other["strength"].where(
        other["probe"] == "in-distribution", other["strength"].map(lambda a: 2.0 ** at.get(a, 0))
    )
    cell = dataclasses.replace(data, metrics=other.assign(strength=moved)).quoted()
    assert cell is not None and cell["strength"] == 2.0 ** ((len(at) - 1) // 2), "not the middle of the numbers"


def test_the_headline_s_verdict_is_the_one_that_holds_among_all_cells():
    data = report_data(probes=PLACED, placed=True)
    changed = {
        name: getattr(data, name).assign(verdict="generalises", verdict_fdr="undecided")
        for name in ("metrics", "placed")
    }
    said = headline.summary(dataclasses.replace(data, **changed))
    assert said.count("the verdict is undecided") == 3 and "generalises" not in said


@pytest.mark.parametrize(("high", "says"), [(-0.01, "and more than a smoother"), (0.01, "not shown to be below a")])
def test_the_headline_says_where_a_smoother_is_better(high, says):
    data = report_data(probes=PLACED)
    cells = data.metrics.assign(verdict="smooths", verdict_fdr="smooths", M19_high=high)
    assert says in headline.summary(dataclasses.replace(data, metrics=cells))


def test_an_older_table_has_a_headline_without_a_smoother():
    data = report_data()
    without = data.evaluation[data.evaluation["predictor"] != "S"]
    said = headline.summary(dataclasses.replace(ReportData.from_evaluation(without), recipe=data.recipe))
    assert "smoother" not in said and "the verdict is undecided" in said and "functions" in said


def test_every_placement_has_its_table(tmp_path):
    data = dataclasses.replace(report_data(probes=PLACED, placed=True), training=pd.DataFrame(), panels=pd.DataFrame())
    text = write_page(data, tmp_path / "report").read_text(encoding="utf-8")
    assert len(data.verdicts) == 3 * len(data.cells("convex")) == text.count('class="tag ')
    for placement in ("between the context&#39;s points", "beyond the context&#39;s points"):
        assert f"<summary>convex, {placement}" in text
        assert f"<summary>The same, {placement}" in text
    for name in ("S", "M19", "M20", "M7"):
        assert f"<th>{name}</th>" in text
    assert "false-discovery rate 5%" in text and 'id="figure-between-and-beyond-convex"' in text


def with_ridge(data):
    """The same run with a predictor that errs by ten times as much as its model does."""
    of_model = data.evaluation[data.evaluation["predictor"] == "model"]
    ridge = of_model.assign(predictor="ridge", squared_error=100 * of_model["squared_error"])
    return dataclasses.replace(data, evaluation=pd.concat([data.evaluation, ridge], ignore_index=True))


def test_other_predictors_of_a_recipe_have_a_table_of_errors(tmp_path):
    data = report_data(probes=FEW)
    assert not tables.error_tables(data), "the verdicts say all there is to say of the model"
    found = tables.error_tables(with_ridge(data))
    assert [table["probe"] for table in found] == list(FEW)
    for table in found:
        assert [row["predictor"] for row in table["rows"][:2]] == ["model", "ridge"]
        for model, ridge in zip(table["rows"][::2], table["rows"][1::2], strict=True):
            for (one, _), (two, _) in zip(model["cells"], ridge["cells"], strict=True):
                assert float(two) == pytest.approx(100 * float(one), rel=0.5), "small numbers are rounded to one digit"
    page = write_page(with_ridge(data), tmp_path / "report").read_text(encoding="utf-8")
    rows = sum(len(table["rows"]) for table in found)
    assert "A “specialist” was" not in page, "there is none"
    assert "Other predictors" in page and page.count('<td class="left">ridge</td>') == rows // 2


def test_an_atlas_judges_one_predictor_and_has_no_table_of_others():
    data = with_ridge(report_data(probes=FEW))
    assert not tables.error_tables(dataclasses.replace(data, breaks=pd.DataFrame({"probe": ["mixture-weight"]})))


def test_a_verdict_that_many_cells_do_not_bear_says_so(tmp_path):
    data = report_data(probes=("mixture-weight", "in-distribution"))
    cells = data.metrics.copy()
    first = cells.index[cells["probe"] == "mixture-weight"][0]
    cells.loc[first, ["verdict", "verdict_fdr", "few_tasks_carry"]] = ["generalises", "smooths", True]
    changed = dataclasses.replace(data, metrics=cells, training=pd.DataFrame(), panels=pd.DataFrame())
    text = write_page(changed, tmp_path / "report").read_text(encoding="utf-8")
    assert '<span class="tag generalises">generalises</span>' in text or '<span class="tag smooths">generalises' in text
    assert "smooths, all cells counted" in text and "few tasks carry it" in text
    assert "1 smooths" in text.partition('id="verdicts"')[2], "counts are of what is left"


def test_the_floor_is_told_where_prompts_are_noise_free():
    assert words.noise_floor(report_data()) is None
    assert "noise floor of 0.001" in str(words.noise_floor(report_data(noise_free=True)))


@pytest.mark.parametrize("seeds", [0, 1, 5])
def test_few_tasks_are_said_to_be_few(seeds):
    """An atlas's cells have 64 tasks, where coverage falls; its in-distribution cells have more."""
    data = report_data(probes=PLACED)
    cells = data.metrics.assign(seeds=seeds, M4_tasks_add=0.0)
    own = cells["probe"] == "in-distribution"
    for tasks, said in ((64, True), (128, False)):
        found = words.intervals_are_over(
            dataclasses.replace(data, metrics=cells.assign(tasks=np.where(own, 256, tasks)))
        )
        assert ("Cells have 64 tasks" in found) == said
    assert "Cells have" not in words.intervals_are_over(dataclasses.replace(data, metrics=cells.drop(columns="tasks")))


def test_shares():
    assert words.shares(report_data()) == [
        {"family": "linear", "declared": 0.5, "realised": {"0": 0.497}},
        {"family": "sinusoid", "declared": 0.5, "realised": {"0": 0.503}},
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1234, "0.123"),
        (0, "0.000"),
        (4.6e-4, "0.0005"),
        (-2e-5, "−2e−5"),
        (float("nan"), "–"),
        (None, "–"),
        (12345.6, "12346"),
    ],
)
def test_numbers(value, text):
    assert words.number(value) == text


def test_ids_of_a_figure_are_its_own():
    svg = '<?xml?><svg width="10pt"><metadata>x</metadata><g id="a" clip-path="url(#a)"/><use xlink:href="#a"/></svg>'
    found = images.inline(svg, "map")
    assert found.count("map-a") == 3 + found.count("caption-map-a") and "metadata" not in found
    assert 'width="10pt"' not in found and "max-width:13px" in found


def test_figures_drawn_in_several_processes_are_the_same(tmp_path, monkeypatch):
    data = report_data()
    kinds = [(name, catalog.find("figures", name)()) for name in catalog.names("figures")]
    asked = [drawing.Named(name, figure) for name, figure in kinds if figure.belongs_to(data)]
    monkeypatch.setattr(drawing, "cores", lambda: 1)
    alone = drawing.drawn(asked, data, tmp_path / "alone")
    monkeypatch.setattr(drawing, "cores", lambda: 2)
    monkeypatch.setattr(drawing, "FEWEST_A_PROCESS", 2)
    assert len(asked) >= 4
    assert drawing.drawn(asked, data, tmp_path / "shared") == alone
    for file in (tmp_path / "alone").iterdir():
        assert file.read_bytes() == (tmp_path / "shared" / file.name).read_bytes()
