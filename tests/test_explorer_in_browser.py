"""The explorer in a real browser: what is dragged, slid, chosen, loaded and linked changes what is drawn."""

import socket

import pytest
from explored import CHROMIUM, POINTS, Opened, opening, plain_run, served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    run = plain_run(tmp_path_factory.mktemp("explored"))
    with served(run.folder) as found:
        yield found


@pytest.fixture
def opened(browser, address):
    with opening(browser, address) as found:
        yield found


def test_a_dragged_point_moves_the_curves_before_it_is_let_go(opened):
    page, point = opened.page, opened.points()[2]
    curve, bayes = opened.curve(), opened.curve("B")
    x, y = opened.pixel(point)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(x + 3 * step, y - 8 * step)
    opened.until_changed(bayes, "B")
    opened.until_changed(curve)
    page.mouse.up()
    page.wait_for_timeout(1500)
    moved = opened.points()[2]
    at = opened.pixel(moved)
    assert abs(at[0] - x - 30) < 3 and abs(at[1] - y + 80) < 3, "the picture is of the last position"
    others = [place for place in range(len(opened.points())) if place != 2]
    assert page.get_by_label("function").input_value() == "own points" and len(others) > 2


def test_a_point_that_is_held_first_is_dragged_too(opened):
    page, point = opened.page, opened.points()[2]
    x, y = opened.pixel(point)
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(600)
    page.mouse.move(x + 20, y - 40, steps=5)
    page.wait_for_function(f"([x, y]) => ({POINTS})()[2][1] > y", arg=point)
    page.mouse.up()
    page.wait_for_timeout(500)
    moved = opened.points()
    page.mouse.move(x + 200, y + 60, steps=5)
    page.wait_for_timeout(500)
    assert opened.points() == moved, "it was let go"


def test_a_press_beside_the_points_moves_none(opened):
    points = opened.points()
    x, y = opened.pixel((-7.0, 4.0))
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 40, y + 40, steps=4)
    opened.page.mouse.up()
    opened.page.wait_for_timeout(400)
    assert opened.points() == points


def test_a_point_is_added_by_a_double_click_and_changed_by_keys_alone(opened):
    page, count = opened.page, len(opened.points())
    x, y = opened.pixel((-6.0, 1.0))
    page.mouse.dblclick(x, y)
    page.wait_for_function(f"count => ({POINTS})().length === count + 1", arg=count)
    added = opened.points()[-1]
    assert abs(added[0] + 6) < 0.1 and abs(added[1] - 1) < 0.1
    field = page.get_by_label("y", exact=True)
    field.focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("2.5")
    page.keyboard.press("Tab")
    page.wait_for_function(f"() => Math.abs(({POINTS})().at(-1)[1] - 2.5) < 1e-9")
    page.get_by_role("button", name="Delete point").focus()
    page.keyboard.press("Enter")
    page.wait_for_function(f"count => ({POINTS})().length === count", arg=count)


def test_sliders_presets_and_new_tasks_draw_another_prompt(opened):
    page = opened.page
    for act in (
        lambda: page.get_by_label("function").select_option("step"),
        lambda: page.get_by_role("button", name="New task").click(),
        lambda: page.get_by_label("function").select_option("frequency × 2"),
    ):
        before, truth = opened.points(), opened.curve("truth")
        act()
        opened.until_changed(truth, "truth")
        assert opened.points() != before
    before = opened.points()
    opened.slide("frequency")
    page.wait_for_function(f"before => JSON.stringify(({POINTS})()) !== JSON.stringify(before)", arg=before)


def test_files_good_and_bad(opened):
    page = opened.page
    page.get_by_label("CSV of x, y").set_input_files(
        {"name": "a.csv", "mimeType": "text/csv", "buffer": b"x,y\n-1,0\n0,1\n1,2\n"}
    )
    page.wait_for_function(f"() => JSON.stringify(({POINTS})()) === '[[-1,0],[0,1],[1,2]]'")
    page.get_by_label("CSV of x, y").set_input_files(
        {"name": "b.csv", "mimeType": "text/csv", "buffer": b"x,y\n-1,0\n0,<b>\n"}
    )
    told = page.get_by_text("row 3: '0,<b>' is not two numbers x,y")
    told.wait_for()
    page.wait_for_timeout(500)
    assert told.is_visible(), "and it stays"
    assert len(opened.points()) == 3, "what was there stays"


def test_the_same_file_is_loaded_again_and_a_large_one_is_refused(opened):
    page, file = opened.page, {"name": "a.csv", "mimeType": "text/csv", "buffer": b"-1,0\n0,1\n"}
    for _ in range(2):
        page.get_by_label("CSV of x, y").set_input_files(file)
        page.wait_for_function(f"() => ({POINTS})().length === 2")
        page.get_by_role("button", name="New task").click()
        page.wait_for_function(f"() => ({POINTS})().length > 2")
    page.get_by_label("CSV of x, y").set_input_files({**file, "buffer": b"1,2\n" * 500_000})
    page.get_by_text("the file has 2000000 bytes; at most 65536 are allowed").wait_for()
    before = opened.points()
    page.get_by_role("button", name="New task").click()
    page.wait_for_function(f"before => JSON.stringify(({POINTS})()) !== JSON.stringify(before)", arg=before)


def test_a_coordinate_that_is_too_large_is_refused(opened):
    page, before = opened.page, opened.points()
    page.get_by_label("x", exact=True).fill("1e9")
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Add point").click()
    page.get_by_text("a coordinate must lie between").wait_for()
    assert opened.points() == before


def test_the_address_opens_the_same_prompt_again(opened, browser, address):
    page = opened.page
    page.get_by_label("function").select_option("sinusoid")
    page.wait_for_function("() => location.search.includes('preset=sinusoid')")
    other = browser.new_page()
    again = Opened(other, page.url)
    assert again.points() == opened.points() and again.complaints == []
    other.goto(address + "?weight=7&presset=line")
    other.get_by_text("weight: 7 is not between 0 and 1").wait_for()
    other.get_by_text("did you mean preset?").wait_for()
    other.close()


def test_pages_share_nothing(opened, browser, address):
    before = opened.points()
    other = browser.new_page()
    found = Opened(other, address)
    other.get_by_role("button", name="New task").click()
    other.wait_for_function(f"before => JSON.stringify(({POINTS})()) !== JSON.stringify(before)", arg=before)
    assert opened.points() == before and found.complaints == []
    other.close()


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_the_figure_is_downloaded(opened, kind):
    with opened.page.expect_download() as download:
        opened.page.get_by_role("button", name=f"Download {kind.upper()}").click()
    content = download.value.path().read_bytes()
    assert content[:4] == b"\x89PNG" if kind == "png" else b"<svg" in content[:200]


@pytest.mark.parametrize("width", [1400, 800])
def test_nothing_lies_over_anything_else(browser, address, width):
    page = browser.new_page(viewport={"width": width, "height": 1000})
    opened = Opened(page, address)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth + 1")
    names = ["prompt", "noise", "shown", "python", "reading", "delete-point"]
    boxes = page.evaluate(
        """names => names.map(name => {
            const view = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name(name));
            const box = view.el.getBoundingClientRect();
            return [box.left, box.top, box.right, box.bottom];
        })""",
        names,
    )
    for place, one in enumerate(boxes):
        assert one[2] - one[0] > 30 and one[3] - one[1] > 10, names[place]
        for other in boxes[place + 1 :]:
            apart = one[2] <= other[0] + 1 or other[2] <= one[0] + 1 or one[3] <= other[1] + 1 or other[3] <= one[1] + 1
            assert apart, (names[place], one, other)
    assert opened.complaints == []
    page.close()


def answered(address, origin):
    """What the server answers to a page of `origin` that asks for a websocket."""
    port = int(address.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        lines = [
            "GET /ws HTTP/1.1", f"Host: localhost:{port}", "Connection: Upgrade", "Upgrade: websocket",
            f"Origin: {origin}", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", "",
        ]  # fmt: skip
        connection.sendall("\r\n".join(lines).encode())
        return connection.recv(4096).decode("latin-1")


def test_other_sites_may_not_connect(address):
    refused = answered(address, "http://elsewhere.example")
    assert refused.startswith("HTTP/1.1 403") and "Cross origin websockets not allowed" in refused
    assert "Cross origin" not in answered(address, address.rstrip("/"))
