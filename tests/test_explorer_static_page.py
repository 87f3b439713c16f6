"""The explorer as one file, in a real browser without a network: what it shows is what the package answers."""

import json
import shutil

import numpy as np
import pytest
from explored import CHROMIUM, plain_run
from opened_page import PIXEL, Opened
from small_runs import carried_out

from offprior.cli import main
from offprior.explorer import static_posterior
from offprior.explorer.answers import Answerer
from offprior.explorer.state import State

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return plain_run(tmp_path_factory.mktemp("explored"))


@pytest.fixture(scope="module")
def written(run):
    page = run.folder.parent / "page.html"
    assert main(["explore", str(run.folder), "--static", str(page)]) == 0
    return page


@pytest.fixture(scope="module")
def answerer(run):
    return Answerer(run)


@pytest.fixture
def opened(browser, written):
    found = Opened(browser, written.as_uri())
    yield found
    found.close()


@in_browser
def test_the_curves_are_those_of_the_package(opened, answerer):
    exact = answerer.answer(answerer.drawn(State()))
    assert np.allclose(opened.points(), exact.state.points, atol=1e-5)
    points = tuple(map(tuple, opened.points()))
    exact = answerer.answer(State(points=points, preset="own points"))
    assert np.ptp(exact.curves["model"]) > 0.01, "a flat curve would agree with anything"
    np.testing.assert_allclose(opened.curve("model"), exact.curves["model"], atol=1e-4)
    for label in ("B", "C", "S", "class: linear", "class: sinusoid"):
        np.testing.assert_allclose(opened.curve(label), exact.curves[label], atol=1e-6)
    shares = [float(cell) for cell in opened.page.locator("#families td:last-child").all_inner_texts()]
    np.testing.assert_allclose(shares, list(exact.probability.values()), atol=6e-4)
    surprise = float(opened.page.locator("#surprise").inner_text().replace("−", "-"))
    assert surprise == pytest.approx(exact.surprise, abs=6e-3)
    variance = opened.page.evaluate("() => Array.from(answer.variances.B)")
    half = (exact.bands["B"][1] - exact.bands["B"][0]) / 2
    np.testing.assert_allclose(1.959964 * np.sqrt(variance), half, atol=1e-6)


@in_browser
def test_the_page_compares_itself_with_the_package(opened):
    opened.page.locator("#comparison[data-largest]").wait_for()
    largest = json.loads(opened.page.locator("#comparison").get_attribute("data-largest"))
    assert {"model", "B", "C", "S", "sd: B", "sd: S", "class: linear", "P(family | context)"} <= set(largest)
    assert largest["model"] < 1e-4
    assert max(off for label, off in largest.items() if "model" not in label) < 1e-6
    text = opened.page.locator("#comparison").inner_text()
    assert "64 prompts" in text and "P(family | context)" in text


@in_browser
def test_a_changed_answer_of_the_package_is_told_as_a_difference(browser, written, tmp_path):
    text = written.read_text(encoding="utf-8")
    place = text.index('"P(family | context)":{')
    at = text.index('"data":"', place) + len('"data":"')
    other = tmp_path / "other.html"
    other.write_text(text[:at] + "AAAAAAAA8D8A"[:12] + text[at + 12 :], encoding="utf-8")
    found = Opened(browser, other.as_uri())
    found.page.locator("#comparison[data-largest]").wait_for()
    largest = json.loads(found.page.locator("#comparison").get_attribute("data-largest"))
    assert largest["P(family | context)"] > 1e-3
    found.close()


@in_browser
def test_a_dragged_point_moves_the_curves_before_it_is_let_go(opened):
    page, point, before = opened.page, opened.points()[2], {label: opened.curve(label) for label in ("model", "B")}
    drawn = page.locator("path[data-label=B]").get_attribute("d")
    x, y = opened.pixel(point)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y - 80, steps=10)
    opened.until(f"([x, y]) => Math.abs(({PIXEL})(state.points[2])[1] - y) < 1", [x + 30, y - 80])
    opened.settled()
    moved = {label: opened.curve(label) for label in before}
    assert all(np.abs(moved[label] - before[label]).max() > 1e-5 for label in before)
    assert page.locator("path[data-label=B]").get_attribute("d") != drawn
    at = opened.pixel(opened.points()[2])
    assert abs(at[0] - x - 30) < 1 and abs(at[1] - y + 80) < 1
    page.mouse.up()
    page.mouse.move(x + 200, y)
    assert opened.pixel(opened.points()[2]) == at, "it was let go"
    assert page.get_by_label("function").input_value() == "own points"


@in_browser
def test_points_are_added_and_removed_and_moved_by_keys(opened):
    page, count = opened.page, len(opened.points())
    page.mouse.dblclick(*opened.pixel((-6.0, 1.0)))
    added = opened.points()[-1]
    assert len(opened.points()) == count + 1 and np.allclose(added, [-6.0, 1.0], atol=0.05)
    page.locator("#plot circle").last.focus()
    for key in ("ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    moved = opened.points()[-1]
    wide, high = page.evaluate("() => [plot.xRange[1] - plot.xRange[0], plot.yRange[1] - plot.yRange[0]]")
    assert np.allclose(np.subtract(moved, added), [wide / 100, high / 100])
    label = page.locator("#plot circle").last.get_attribute("aria-label")
    assert label == f"point {count + 1} of {count + 1}: x {moved[0]:.2f}, y {moved[1]:.2f}".replace("-", "−")
    page.keyboard.press("Delete")
    assert len(opened.points()) == count and page.locator("#plot circle:focus").count() == 1
    page.get_by_role("button", name="Delete all").click()
    page.get_by_text("There are no points").wait_for()
    assert page.locator("path[data-label=B]").get_attribute("d") == ""
    page.get_by_role("button", name="Add point").click()
    opened.settled()
    assert len(opened.points()) == 1 and len(opened.curve("B")) > 0


@in_browser
def test_presets_and_new_tasks_are_those_of_the_server(opened, answerer):
    page = opened.page
    page.get_by_label("function").select_option("step")
    page.get_by_role("button", name="New task").click()
    page.get_by_label("points", exact=True).fill("7")
    page.keyboard.press("Tab")
    wanted = answerer.drawn(State(preset="step", task=1, length=7))
    assert np.allclose(opened.points(), wanted.points, atol=1e-5)
    function = answerer.tasks.function_of(wanted)
    truth = page.evaluate("() => Array.from(state.truth())")
    assert np.allclose(truth, function(answerer.places), atol=1e-5)
    for preset in ("line", "sinusoid", "combination", "frequency × 2", "family: linear"):
        before = opened.points()
        page.get_by_label("function").select_option(preset)
        opened.settled()
        assert opened.points() != before and opened.curve("B").shape == (len(answerer.places),)


@in_browser
def test_the_address_opens_the_same_prompt_again(opened, browser, written):
    page = opened.page
    page.get_by_label("function").select_option("sinusoid")
    page.get_by_label("class: linear").check()
    opened.until("() => location.hash.includes('preset=sinusoid') && location.hash.includes('shown=')")
    again = Opened(browser, page.url)
    assert again.points() == opened.points() and again.page.get_by_label("class: linear").is_checked()
    page.locator("#plot circle").first.focus()
    page.keyboard.press("ArrowUp")
    opened.until("() => location.hash.includes('points=')")
    again.page.evaluate("hash => { location.hash = hash; }", page.evaluate("() => location.hash"))
    again.until("() => state.preset === 'own points'")
    assert np.allclose(again.points(), opened.points(), rtol=1e-5)
    again.close()


@in_browser
@pytest.mark.parametrize(
    ("hash", "told"),
    [
        ("task=7777", 'task: "7777" is not a whole number from 0 to 23'),
        ("presset=line", 'unknown setting "presset"'),
        ("points=1,2;3,x", 'points: "3,x" is not two numbers x,y'),
        ("points=1,1e99", 'points: "1,1e99" is not two numbers x,y'),
        ("points=" + ";".join(["1,1"] * 70), "points: got 70; at most 60 are allowed"),
        ("preset=<img src=x onerror=alert(1)>", "preset: unknown value"),
        ("points=" + "1,1;" * 3000, "characters; at most 8192 are read"),
    ],
)
def test_addresses_are_checked(browser, written, hash, told):
    found = Opened(browser, f"{written.as_uri()}#{hash}")
    found.page.get_by_text(told).wait_for()
    assert len(found.points()) == State().length and found.page.locator("#message *").count() == 0
    found.close()


@in_browser
def test_the_figure_is_downloaded_and_stands_by_itself(opened, browser, tmp_path):
    with opened.page.expect_download() as download:
        opened.page.get_by_role("button", name="Download SVG").click()
    assert download.value.suggested_filename == "prompt.svg"
    file = tmp_path / "prompt.svg"
    shutil.copy(download.value.path(), file)
    alone = browser.new_page()
    alone.goto(file.as_uri())
    assert alone.evaluate("() => document.querySelectorAll('circle').length") == len(opened.points())
    drawn = alone.evaluate("() => document.querySelector('path[data-label=B]').getAttribute('d')")
    assert drawn == opened.page.locator("path[data-label=B]").get_attribute("d") != ""
    alone.close()


@in_browser
def test_without_a_worker_the_page_answers_itself(browser, written, opened):
    found = Opened(browser, f"{written.as_uri()}?no-worker=1")
    assert found.page.evaluate("() => document.body.dataset.engine") == "page"
    assert opened.page.evaluate("() => document.body.dataset.engine") == "worker"
    np.testing.assert_array_equal(found.curve("B"), opened.curve("B"))
    found.close()


@in_browser
def test_what_a_recipe_says_is_text(opened):
    assert opened.page.evaluate("() => globalThis.broken") is None
    assert opened.page.locator("h1").inner_text().startswith("</script><script>globalThis.broken")


@in_browser
@pytest.mark.parametrize(
    ("other", "most", "told", "shown"),
    [
        (
            {"name": "relu-network", "dimension": 1},
            1_000_000,
            "No exact posterior is shown: a family of the mixture has none.",
            ["model", "S", "truth"],
        ),
        (
            "sinusoid",
            1,
            "The exact posterior is left out: its components have 3 numbers; a page takes at most 1.",
            ["model", "S", "truth"],
        ),
        (
            "sinusoid",
            10,
            "C, which knows combinations, is left out: its components have 36 numbers; a page takes at most 10.",
            ["model", "B", "S", "class: linear", "class: sinusoid", "truth"],
        ),
    ],
)
def test_what_is_exact_is_left_out_where_it_is_too_much(
    browser, tmp_path, capsys, monkeypatch, other, most, told, shown
):
    monkeypatch.setattr(static_posterior, "MOST_NUMBERS", most)
    mixture = {"families": ["linear", other], "inputs": [-5.0, 5.0], "noise": 0.1}
    model = {"name": "transformer", "layers": 1, "heads": 2, "width": 8, "head": "gaussian"}
    alone = carried_out(tmp_path, mixture=mixture, model=model, probes=[])
    page = tmp_path / "page.html"
    assert main(["explore", str(alone.folder), "--static", str(page)]) == 0
    assert told in capsys.readouterr().out
    found = Opened(browser, page.as_uri())
    found.page.get_by_text(told).wait_for()
    labels = found.page.locator("#shown label").all_inner_texts()
    assert [label.strip() for label in labels] == shown
    assert found.page.locator("#reading").is_hidden() == ("B" not in shown) and len(found.points()) == 8
    model = alone.models()[0]
    x, y = np.asarray(found.points()).T
    places = np.asarray(found.page.evaluate("() => stored.places"))
    wanted = model.predict_batch(x[None, :, None], y[None], places[None, :, None], [8])
    np.testing.assert_allclose(found.curve("model"), wanted.mean[0, 0], atol=1e-4)
    found.page.locator("#comparison[data-largest]").wait_for()
    largest = json.loads(found.page.locator("#comparison").get_attribute("data-largest"))
    assert "sd: model" in largest and ("B" in largest) == ("B" in shown) and max(largest.values()) < 1e-4
    found.close()


@in_browser
@pytest.mark.parametrize("width", [1400, 800, 420])
def test_nothing_lies_over_anything_else(browser, written, width):
    found = Opened(browser, written.as_uri(), width)
    page = found.page
    assert page.evaluate("() => document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    boxes = page.evaluate(
        """names => names.map(name => {
            const box = document.querySelector(name).getBoundingClientRect();
            return [box.left, box.top, box.right, box.bottom];
        })""",
        ["#function", "#new-task", "#download", "#shown", "#plot", "#families", "#surprise", "footer"],
    )
    for place, one in enumerate(boxes):
        assert one[2] - one[0] > 10 and one[3] - one[1] > 10
        for other in boxes[place + 1 :]:
            assert one[2] <= other[0] + 1 or other[2] <= one[0] + 1 or one[3] <= other[1] + 1 or other[3] <= one[1] + 1
    found.close()
