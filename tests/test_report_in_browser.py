"""The report in a real browser: it opens without a network, every figure shows, and nothing runs off the page."""

import json
import re
import shutil
import subprocess

import pytest
from fixture_table import report_data, write_run

from offprior.report.report import write_report

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

# Appended to the page: what it finds is read back from the document.
LOOK = """
<script>
const box = element => element.getBoundingClientRect();
const wide = document.documentElement.clientWidth;
const found = {
  wide,
  scrolls: document.documentElement.scrollWidth > wide,
  figures: [...document.querySelectorAll("figure svg")].map(
    svg => [box(svg).width, box(svg).height, svg.querySelectorAll("path").length]),
  tables: [...document.querySelectorAll("table")].map(table => box(table).height),
  wide_tables: document.querySelectorAll(".scroll:has(.cells)").length,
  cut: [...document.querySelectorAll(".scroll:has(.cells)")].filter(each => each.scrollWidth > each.clientWidth).length,
  beyond: [...document.querySelectorAll("p, h1, h2, h3, ul, dl, figcaption")]
    .filter(text => box(text).right > wide + 1).length,
  dead: [...document.querySelectorAll('nav a')].filter(a => !document.querySelector(a.getAttribute("href"))).length,
  fetched: performance.getEntriesByType("resource").map(entry => entry.name),
};
const note = document.createElement("pre");
note.id = "found";
note.textContent = JSON.stringify(found);
document.body.append(note);
</script>
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = write_run(tmp_path_factory.mktemp("runs") / "mueller-2023", report_data())
    write_report(folder)
    return folder


def look(page, folder, width):
    """What the page looks like in a window `width` pixels wide, with no network, and what the browser complained of."""
    copy = folder / f"look-{width}.html"
    text = page.read_text(encoding="utf-8")
    copy.write_text(text.replace("</body>", f"{LOOK}</body>"), encoding="utf-8")
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}",
        f"--window-size={width},900", "--dump-dom", copy.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    note = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert note, "the page's own script did not run to its end"
    return json.loads(note[1]), [line for line in done.stderr.splitlines() if ":CONSOLE" in line]


@pytest.mark.parametrize("width", [1280, 700])
def test_everything_shows_and_nothing_is_fetched(run, tmp_path, width):
    found, complaints = look(run / "report" / "index.html", tmp_path, width)
    drawn = list((run / "report" / "figures").glob("*.svg"))
    assert len(found["figures"]) == len(drawn) >= 6
    for wide, high, paths in found["figures"]:
        assert wide > 300 and high > 100 and paths > 10, "an empty or collapsed figure"
    assert all(height > 20 for height in found["tables"]) and len(found["tables"]) > 3
    assert not found["scrolls"], "wider than its window"
    assert found["beyond"] == found["dead"] == 0
    assert found["wide_tables"] > 0
    assert width < 1280 or found["cut"] == 0, "a column of verdicts is out of sight"
    assert found["fetched"] == [] and complaints == []


# Everything that may be cut when a page is printed: what is wider than the paper is lost there.
PRINTED = """() => ({
  wide: document.documentElement.clientWidth,
  scrolls: document.documentElement.scrollWidth,
  tables: [...document.querySelectorAll("table")].map(each => [each.getBoundingClientRect().right, each.className]),
  figures: [...document.querySelectorAll("figure svg, .card svg")].map(each => each.getBoundingClientRect().right),
})"""
A4 = {"landscape": 1032, "portrait": 700}
"""Pixels between margins of 12 mm."""


@pytest.mark.parametrize("paper", list(A4))
def test_no_column_is_lost_on_paper(run, browser, paper):
    page = browser.new_page(viewport={"width": A4[paper], "height": 700})
    page.goto((run / "report" / "index.html").resolve().as_uri())
    page.emulate_media(media="print")
    page.evaluate("() => document.querySelectorAll('details').forEach(each => each.open = true)")
    found = page.evaluate(PRINTED)
    page.close()
    assert len(found["tables"]) > 5 and any(name == "cells" for _, name in found["tables"])
    assert all(right <= found["wide"] + 1 for right, _ in found["tables"]), "a table is wider than the paper"
    assert all(right <= found["wide"] + 1 for right in found["figures"])
    assert found["scrolls"] <= found["wide"]
