"""The verdicts that a run prints at its end."""

import io

import pytest
from fixture_table import report_data

from offprior.commands.printed_tables import print_verdicts
from offprior.console.output import Console


def printed(verdicts):
    stream = io.StringIO()
    print_verdicts(verdicts, Console(file=stream, width=120, color_system=None))
    return stream.getvalue()


@pytest.fixture(scope="module")
def data():
    return report_data(probes=("in-distribution", "convex"), placed=True)


def test_a_verdict_stands_with_both_shares(data):
    said = printed(data.verdicts)
    judged = data.cells("convex").query("verdict_fdr == 'generalises'")
    judged = judged[judged["M5"].notna() & judged["M20"].notna()].to_dict("records")
    assert judged
    for cell in judged:
        assert f"generalises {cell['M5']:.2f} / {cell['M20']:.2f}" in said
    assert "share of the prior gap closed" in said and "structure index" in said


def test_placements_have_tables_of_their_own(data):
    said = printed(data.verdicts)
    titles = ["convex", "convex, queries between the context's points", "convex, queries beyond the context's points"]
    at = [said.index(f"{title} ") if title == "convex" else said.index(title) for title in titles]
    assert at == sorted(at)
    assert "smooths" in said[at[1] : at[2]] and "smooths" not in said[at[2] :]
    nothing = data.verdicts.assign(verdict="under-trained")
    if "verdict_fdr" in nothing:
        nothing["verdict_fdr"] = "under-trained"
    assert "beyond" not in printed(nothing), "tables that say nothing of a gain are left out"


def test_a_table_says_which_family_misses_the_gate_and_at_which_rate(data):
    cells = data.verdicts.copy()
    short = cells["length"] == 5
    cells.loc[short, [name for name in ("verdict", "verdict_fdr") if name in cells]] = "under-trained"
    cells.loc[short, "families_that_fail"] = "sinusoid"
    said = " ".join(printed(cells).split())
    assert "sinusoid misses the gate of M1 at 5 pairs" in said and "under-trained" in said
    assert "false-discovery rate over these cells: 5%" in said


def test_a_cell_that_few_tasks_carry_is_marked(data):
    first = data.verdicts.index[data.verdicts["verdict_fdr"] == "generalises"][0]
    none = data.verdicts.assign(few_tasks_carry=False)
    some = none.copy()
    some.loc[first, "few_tasks_carry"] = True
    assert "†" not in printed(none) and "†" not in printed(none.drop(columns="few_tasks_carry"))
    said = printed(some)
    assert said.count("†") == 2 and "†: few tasks carry it" in " ".join(said.split())
    gap = some.assign(verdict="no prior gap", verdict_fdr="no prior gap")
    assert "†" not in printed(gap), "there is no gain to carry"
