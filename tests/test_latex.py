"""Tables for LaTeX, and what to cite."""

import re
from pathlib import Path

import pytest
import yaml
from fixture_table import report_data

import offprior
from offprior.recipe import file as recipe_file
from offprior.report.citation import bibtex
from offprior.report.latex import escape, verdict_table
from offprior.report.report import write_page

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("50% of a_b & c#1 for $2", r"50\% of a\_b \& c\#1 for \$2"),
        (r"{x}\y~z^2", r"\{x\}\textbackslash{}y\textasciitilde{}z\textasciicircum{}2"),
        ("ω ≤ −0.5", r"$\omega$ $\le$ $-$0.5"),
        ("Müller, Raventós", r"M{\"{u}}ller, Ravent{\'{o}}s"),
        ("a < b", r"a \textless{} b"),
        ("few tasks†", r"few tasks$^\dagger$"),
    ],
)
def test_special_characters(text, latex):
    assert escape(text) == latex


def body_of(table):
    """The rows between \\midrule and \\bottomrule, as cells."""
    inner = table.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    return [re.split(r"(?<!\\)&", line.removesuffix(r"\\")) for line in inner.splitlines() if "&" in line]


def test_a_table_of_verdicts():
    data = report_data(probes=("in-distribution", "convex"))
    cells = data.cells("convex")
    table = verdict_table(cells)
    spec = re.search(r"\\begin\{tabular\}\{(\w+)\}", table)
    assert spec is not None and "\\toprule" in table and table.endswith("\\bottomrule\n\\end{tabular}\n")
    rows = body_of(table)
    assert len(rows) == len(cells) and {len(row) for row in rows} == {len(spec[1])}
    assert [row[2].strip() for row in rows] == list(cells["verdict_fdr"])
    assert [row[1].strip() for row in rows] == [f"{length:g}" for length in cells["length"]]
    assert "% 1 seed: provisional" in table and "false-discovery rate 5%" in table.partition("\\begin")[0]
    assert table.count("\\addlinespace") == cells["strength"].nunique() - 1
    assert table.isascii()


def test_text_of_a_stranger_s_probe_is_escaped_and_stays_in_its_comment():
    data = report_data(probes=("in-distribution", "convex"))
    table = verdict_table(data.cells("convex").assign(probe="a\nb", coordinate="x_1 & 5%"))
    head, _, rest = table.partition("\\begin")
    assert all(line.startswith("% ") for line in head.splitlines())
    assert r"x\_1 \& 5\% & $k$" in rest


def test_a_table_without_a_smoother_has_no_column_of_it():
    cells = report_data(probes=("in-distribution", "convex")).cells("convex")
    without = cells.drop(columns=[name for name in cells if name.startswith(("smoother_nmse", "M19"))])
    assert "gain over S" not in verdict_table(without) and "gain over S" in verdict_table(cells)


@pytest.mark.parametrize(
    ("paper", "number", "authors"),
    [
        (
            "Garg, Tsipras, Liang and Valiant, 2022 (arXiv 2208.01066)",
            "2208.01066",
            "Garg and Tsipras and Liang and Valiant",
        ),
        (
            "Müller's answer of November 2023 to Yadlowsky et al. (arXiv 2311.00871)",
            "2311.00871",
            "Yadlowsky and others",
        ),
        ("arXiv 2410.01565 (Müller et al., 2024), its experiment", "2410.01565", r"M{\"{u}}ller and others"),
        ("ours; its question is that of arXiv 2311.00871", "2311.00871", None),
        ("arXiv 2311.00871, section 4", "2311.00871", None),
        ("A Notebook on Lines and Sinusoids (arXiv 2311.00871)", "2311.00871", None),
    ],
)
def test_an_entry_says_what_the_recipe_says_and_nothing_else(paper, number, authors):
    (entry,) = bibtex(paper)
    fields = dict(re.findall(r"^  (\w+) = \{(.*)\},$", entry, re.MULTILINE))
    assert entry.startswith("@misc{") and entry.endswith("\n}")
    expected = {"year": f"20{number[:2]}", "eprint": number, "archivePrefix": "arXiv"}
    expected |= {"url": f"https://arxiv.org/abs/{number}"} | ({"author": authors} if authors else {})
    assert fields == expected


def test_no_arxiv_number_no_entry():
    assert bibtex("ours") == bibtex(None) == []
    assert len(bibtex("arXiv 2311.00871 and arXiv 2208.01066, again arXiv 2311.00871")) == 2


def test_every_recipe_with_a_number_has_an_entry():
    for name in recipe_file.built_in():
        paper = recipe_file.read_mapping(*recipe_file.locate(name))["paper"]
        assert len(bibtex(paper)) == ("arXiv" in paper), name


def test_a_report_has_both(tmp_path):
    page = write_page(report_data(probes=("in-distribution", "mixture-weight")), tmp_path / "report")
    text = page.read_text(encoding="utf-8")
    assert "eprint = {2311.00871}" in text and 'href="tables/verdicts-mixture-weight.tex"' in text
    assert "\\toprule" in (tmp_path / "report" / "tables" / "verdicts-mixture-weight.tex").read_text(encoding="utf-8")


def test_the_citation_file_is_that_of_the_package():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == offprior.__version__ and cited["authors"] == [{"name": "offprior developers"}]
    assert cited["cff-version"] == "1.2.0" and cited["license"] == "Apache-2.0" and "doi" not in cited
