"""The explorer's further views in a real browser: the training film, the model's inside, verdicts, a second run."""

import math
import signal

import pytest
from explored import CHROMIUM, CURVE, POINTS, Opened, opening, served, two_runs

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
CELL = "cell of the verdicts"
PRESS_CELL = """([name, x, y]) => {
    const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
    view.el.scrollIntoView();
    const box = view.canvas_view.el.getBoundingClientRect();
    return [box.left + view.frame.x_scale.compute(x), box.top + view.frame.y_scale.compute(y)];
}"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return two_runs(tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def address(runs):
    with served(*(run.folder for run in runs), ended_by=signal.SIGTERM) as found:
        yield found


@pytest.fixture
def opened(browser, address):
    with opening(browser, address) as found:
        yield found


def test_the_film_shows_the_weights_of_each_step_kept(opened, runs):
    page, last, bayes = opened.page, opened.curve(), opened.curve("B")
    opened.slide("film", "Home")
    opened.until_changed(last)
    first = opened.curve()
    page.get_by_text("training film, after 1 steps").wait_for()
    page.wait_for_function("() => location.search.includes('step=1')")
    opened.slide("film")
    opened.until_changed(first)
    opened.slide("film", "End")
    page.wait_for_function(f"last => JSON.stringify(({CURVE})('model')) === JSON.stringify(last)", arg=last)
    assert opened.curve("B") == bayes, "the exact posterior is not trained"


def test_the_film_plays_to_its_end(opened):
    page = opened.page
    opened.slide("film", "Home")
    page.get_by_text("after 1 steps").wait_for()
    page.get_by_role("button", name="Play the training").click()
    page.get_by_role("button", name="Stop").wait_for()
    page.get_by_role("button", name="Play the training").wait_for(timeout=20_000)
    page.get_by_text("training film, the last weights").wait_for()


def test_the_attention_of_a_query_is_drawn_and_the_layers_are_read(opened):
    page = opened.page
    assert opened.attention() == []
    page.get_by_role("checkbox", name="attention").check()
    page.get_by_text("exact posterior").wait_for(timeout=60_000)
    before = opened.attention()
    assert len(before) == len(opened.points())
    said = page.get_by_text("attention on the query itself").inner_text()
    assert math.isclose(sum(before) + float(said.rpartition(" ")[2]), 1, abs_tol=1e-3)
    rows = page.locator("table", has_text="read out linearly").locator("tr").all_inner_texts()
    assert len(rows) == 4, "a head, the query's x, the one layer, the exact posterior"
    for row in rows[1:]:
        shares = [float(cell) for cell in row.split("\t")[1:3]]
        assert math.isclose(sum(shares), 1, abs_tol=2e-3)
    opened.slide("query")
    page.wait_for_function("() => location.search.includes('query=')")
    page.wait_for_timeout(500)
    assert opened.attention() != before


def test_a_cell_that_is_pressed_opens_its_prompt(opened, browser):
    page = opened.page
    place = page.evaluate(PRESS_CELL, ["verdicts-0", "0.5", "4"])
    page.mouse.click(*place)
    page.wait_for_function(f"() => ({POINTS})().length === 4")
    assert page.get_by_label("function").input_value() == CELL
    page.locator(".reading").get_by_text("convex, a = 0.5, 4 pairs").wait_for()
    page.wait_for_function("() => location.search.includes('probe=convex')")
    page.get_by_role("button", name="New task").click()
    page.wait_for_function("() => location.search.includes('task=1')")
    page.get_by_label("function").select_option("line")
    page.wait_for_function(f"() => ({POINTS})().length === 4 && location.search.includes('preset=line')")
    page.mouse.click(*place)
    page.wait_for_function("() => location.search.includes('preset=cell')")
    again = Opened(browser.new_page(), page.url)
    assert again.points() == opened.points()
    page.wait_for_function(
        f"truth => JSON.stringify(({CURVE})('truth')) === JSON.stringify(truth)", arg=again.curve("truth")
    )
    again.page.close()


def test_a_cell_is_chosen_from_the_list_and_the_probe_changes_the_map(opened):
    page = opened.page
    page.get_by_label("probe").select_option("context-length")
    cells = page.get_by_label("open a prompt from a cell: verdicts of one")
    page.wait_for_function(
        "() => Bokeh.documents[0].get_model_by_name('verdicts-0-list').options.at(-1).startsWith('k = ')"
    )
    name = cells.locator("option").nth(1).inner_text()
    cells.select_option(name)
    length = int(name.split()[2].rstrip(","))
    page.wait_for_function(f"length => ({POINTS})().length === length", arg=length)


def test_two_runs_answer_the_same_prompt(opened):
    page = opened.page
    for name in ("model of two", "B of two"):
        page.get_by_role("checkbox", name=name).check()
        page.wait_for_function(f"name => ({CURVE})(name).some(Number.isFinite)", arg=name)
    assert opened.curve("model of two") != opened.curve("model")
    assert opened.curve("B of two") != opened.curve("B"), "its noise is another"
    place = page.evaluate(PRESS_CELL, ["verdicts-1", "0.25", "8"])
    page.mouse.click(*place)
    page.wait_for_function(f"() => ({POINTS})().length === 8")
    # Of the second run's path: the first has no such cell.
    page.locator(".reading").get_by_text("convex, a = 0.25, 8 pairs").wait_for()
