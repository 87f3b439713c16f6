"""The page of a run on tokens in a real browser: typing, painting, choosing and filming change what is drawn."""

import pytest
from explored import CHROMIUM, served, token_run

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")

BARS = """label => Array.from(document.querySelectorAll(`#bars rect[data-label="${label}"]`))
    .map(bar => +bar.getAttribute("height"))"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(token_run(tmp_path_factory.mktemp("tokens")).folder) as found:
        yield found


# What a test evaluates is what the page's policy forbids; one test lets the policy hold.
@pytest.fixture
def page(browser, address):
    found = browser.new_page(viewport={"width": 1400, "height": 1000}, bypass_csp=True)
    complaints = []
    found.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.goto(address)
    found.wait_for_selector("#matrices canvas")
    yield found
    assert complaints == []
    found.close()


def bars(page, label="model"):
    return page.evaluate(BARS, label)


def until_changed(page, before, label="model"):
    page.wait_for_function(f"before => JSON.stringify(({BARS})('{label}')) !== JSON.stringify(before)", arg=before)


def test_every_key_redraws_the_bars_of_the_model_and_of_the_references(page):
    typed = page.locator("#typed")
    typed.fill("012")
    page.wait_for_function("answer.text === '012' && further !== null")
    for key in "31":
        before = {label: bars(page, label) for label in ("model", "B", "C", "S")}
        assert all(len(found) == 4 for found in before.values())
        page.keyboard.type(key)
        until_changed(page, before["model"])
        page.wait_for_function("further !== null")
        assert all(bars(page, label) != found for label, found in before.items())
    assert page.locator("#source").input_value() == "typed"
    assert page.locator("#curves-title").inner_text().startswith("KL to B")
    assert page.locator("#strip rect[data-token]").count() == 5


def test_a_wrong_token_is_told_and_nothing_stale_looks_current(page):
    page.locator("#typed").fill("01?")
    page.wait_for_function("document.getElementById('message').textContent.includes('is not a token')")
    assert "stale" in page.locator("#bars").get_attribute("class")
    page.get_by_label("S", exact=True).uncheck()
    assert "stale" in page.locator("#bars").get_attribute("class"), "what is drawn again is as old as before"
    assert "stale" in page.locator("aside").get_attribute("class")
    page.locator("#typed").fill("01")
    page.wait_for_function("document.getElementById('message').textContent === ''")
    assert "stale" not in page.locator("#bars").get_attribute("class")


def test_a_painted_token_is_written_into_the_prompt(page):
    page.locator("#typed").fill("0000")
    page.wait_for_function("answer.text === '0000'")
    box = page.locator("#strip").bounding_box()
    x, y = page.evaluate("[strip.inner.x + 1.5 * strip.inner.width / strip.columns, strip.inner.y + 3]")
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_function("answer.text === '0300'")
    assert page.locator("#typed").input_value() == "0300"
    x = page.evaluate("strip.inner.x + 4.5 * strip.inner.width / strip.columns")
    page.mouse.click(box["x"] + x, box["y"] + y)
    page.wait_for_function("answer.text === '03003'")
    page.mouse.click(box["x"] + page.evaluate("strip.inner.x + strip.inner.width - 2"), box["y"] + y)
    page.wait_for_timeout(300)
    assert page.locator("#typed").input_value() == "03003", "there is no token beyond the next one"


def test_sources_draw_sequences_and_the_address_opens_them_again(page, browser):
    seen = set()
    for value in ("family: sticky-chain", "family: process-pool", "cell of the verdicts|kernel-sum"):
        before = bars(page)
        page.locator("#source").select_option(value)
        if value != "cell of the verdicts|kernel-sum" or seen:
            until_changed(page, before)
        seen.add(page.locator("#typed").input_value())
        assert page.locator("#curves-title").inner_text().startswith("KL to the truth")
    page.locator("#strength").select_option("0")
    page.locator("#new-task").click()
    page.wait_for_function(
        "location.hash.includes('task=1') && location.hash.includes('strength=0') || location.hash.includes('task=1')"
    )
    page.wait_for_function("document.querySelectorAll('.stale').length === 0")
    prompt, drawn = page.locator("#typed").input_value(), bars(page)
    assert page.locator("#verdict").inner_text()
    other = browser.new_page(viewport={"width": 1400, "height": 1000}, bypass_csp=True)
    other.goto(page.url)
    other.wait_for_selector("#matrices canvas")
    assert other.locator("#typed").input_value() == prompt and bars(other) == drawn
    other.close()


def test_an_address_with_mistakes_is_told_and_shows_the_start(page, address):
    page.goto(f"{address}#preset=cell+of+the+verdicts&probe=nothing&colour=red&toString=1")
    page.reload()
    page.wait_for_function("document.getElementById('message').textContent.includes('no probe')")
    for name in ("colour", "toString"):
        assert f"{name}: unknown setting" in page.locator("#message").inner_text()
    page.wait_for_selector("#matrices canvas")


def test_the_place_that_is_read_and_the_training_step_change_the_bars(page):
    page.locator("#typed").fill("0123012301")
    page.wait_for_function("answer.text === '0123012301' && further !== null")
    assert "after 10 tokens" in page.locator("#matrices-title").inner_text()
    last = bars(page)
    page.locator("#after").focus()
    page.keyboard.press("ArrowLeft")
    until_changed(page, last)
    assert "after 9 of 10" in page.locator("#bars-title").inner_text()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"before => JSON.stringify(({BARS})('model')) === JSON.stringify(before)", arg=last)
    page.locator("#step").focus()
    page.keyboard.press("ArrowLeft")
    until_changed(page, last)
    assert page.locator("#step-told").inner_text() != "the last"
    exact = bars(page, "B")
    page.locator("#play").click()
    page.wait_for_function("document.getElementById('play').textContent === 'Play the training'", timeout=20_000)
    page.wait_for_function("document.getElementById('step-told').textContent === 'the last'")
    page.wait_for_function(f"before => JSON.stringify(({BARS})('model')) === JSON.stringify(before)", arg=last)
    assert len(exact) == 4


def test_predictors_are_shown_and_hidden_and_matrices_read(page):
    page.get_by_label("bigram inference", exact=True).check()
    assert len(bars(page, "bigram inference")) == 4
    page.get_by_label("S", exact=True).uncheck()
    assert bars(page, "S") == [] and page.locator("canvas[data-label=S]").count() == 0
    page.locator("canvas[data-label=B]").hover()
    assert "B: after a further" in page.locator("#cell-told").inner_text()


def test_a_narrow_screen_holds_the_page(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(200)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_server_that_ended_is_told(browser, tmp_path):
    with served(token_run(tmp_path).folder) as address:
        found = browser.new_page(bypass_csp=True)
        found.goto(address)
        found.wait_for_selector("#matrices canvas")
    found.locator("#typed").fill("01")
    found.wait_for_function("document.getElementById('message').textContent.includes('does not answer')")
    assert "stale" in found.locator("#bars").get_attribute("class")
    found.close()


def test_nothing_on_the_page_needs_more_than_its_policy_allows(browser, address):
    found = browser.new_page()
    complaints = []
    found.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    found.goto(address)
    found.wait_for_selector("#matrices canvas")
    found.locator("#typed").fill("0123")
    found.locator("#bars-title", has_text="of 4").wait_for()
    assert found.locator("#strip rect[data-token]").count() == 4 and complaints == []
    found.close()


def test_one_token_is_not_called_impossible(page):
    page.locator("#typed").fill("0")
    page.wait_for_function("answer.text === '0' && isCurrent")
    assert page.locator("#outside").inner_text() == "typical of the prior"


def test_a_place_slid_to_while_an_answer_is_under_way_gets_its_own(page):
    page.route("**/answer", lambda route: (page.wait_for_timeout(300), route.continue_()))
    page.locator("#typed").fill("01230123")
    page.locator("#after").evaluate("e => { e.value = 3; e.dispatchEvent(new Event('input')); }")
    page.wait_for_function("further !== null && further.matrices_after === 3 && isCurrent")
    assert page.locator(".stale").count() == 0
    page.unroute("**/answer")


def test_the_address_holds_the_place_and_no_cell_of_a_typed_prompt(page, browser):
    page.locator("#typed").fill("0123")
    page.wait_for_function("answer.text === '0123' && isCurrent")
    page.locator("#after").evaluate("e => { e.value = 2; e.dispatchEvent(new Event('input')); }")
    page.wait_for_function("location.hash.includes('after=2') && !location.hash.includes('probe')")
    other = browser.new_page(bypass_csp=True)
    other.goto(page.url)
    other.locator("#bars-title", has_text="after 2 of 4").wait_for()
    other.close()
