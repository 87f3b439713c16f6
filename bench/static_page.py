"""Size of a page without a server, and from a pointer's move to the curves drawn anew, in headless Chromium.

    python bench/static_page.py --run runs/mueller-2023 [--moves 100] [--points 20]

A point is dragged in single moves with every curve on; each is timed from the browser's own pointer event to the end of
the frame in which the model's curve and B's are drawn anew: first at a quarter of the places, then at all of them. Then
it is dragged fast, sixty moves a second: how many pictures a second there are, and is the last of them that of the last
position? It needs Chromium (or Chrome) on the path.
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from headless import CHROMIUM, MISSING, headless, in_words, options
from rich.console import Console

LISTEN = """() => {
    globalThis.took = { coarse: [], whole: [] };
    globalThis.pictures = 0;
    let moved = 0, drawn = 0;
    document.addEventListener("pointermove", () => { moved = performance.now(); drawn = 0; }, true);
    const line = document.querySelector("path[data-label=B]");
    let last = line.getAttribute("d");
    new MutationObserver(() => {
        if (line.getAttribute("d") === last) return;
        last = line.getAttribute("d");
        globalThis.pictures++;
        const begun = moved, kind = ["coarse", "whole"][drawn++];
        if (kind && begun > 0) requestAnimationFrame(() => {
            const {port1, port2} = new MessageChannel();
            port1.onmessage = () => globalThis.took[kind].push(performance.now() - begun);
            port2.postMessage(0);
        });
    }).observe(line, { attributes: true, attributeFilter: ["d"] });
}"""
POINT = """() => {
    const box = document.querySelector("#plot circle").getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
}"""


def main(arguments: list[str] | None = None) -> int:
    asked = options(__doc__, arguments, moves=100, points=20)
    console = Console(highlight=False, soft_wrap=True)
    if CHROMIUM is None:
        console.print(MISSING)
        return 2
    from offprior.explorer.static_page import write_static_page

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        page = write_static_page(asked.run, Path(folder) / "page.html", say=lambda _: None)
        size = page.stat().st_size
        console.print(f"written in {time.perf_counter() - begun:.0f} s: {size / 1e6:.2f} MB")
        _measure(page, asked, console)
    return 0


def _measure(written: Path, asked: Any, console: Console) -> None:
    with headless() as chromium:
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        begun = time.perf_counter()
        page.goto(f"{written.as_uri()}#length={asked.points}")
        page.locator("#reading:not([hidden])").wait_for()
        console.print(f"first curves: {time.perf_counter() - begun:.2f} s after opening")
        page.locator("#comparison[data-largest]").wait_for()
        console.print(page.locator("#comparison").inner_text())
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.evaluate(LISTEN)
        x, y = page.evaluate(POINT)
        page.mouse.move(x, y)
        page.mouse.down()
        for warm in (True, False):
            page.evaluate("() => { globalThis.took = { coarse: [], whole: [] }; }")
            for move in range(10 if warm else asked.moves):
                page.mouse.move(x + 3 * (move % 20), y - 2 * (move % 30))
                page.wait_for_timeout(300)
        for kind, took in page.evaluate("() => globalThis.took").items():
            words = {"coarse": "a quarter of the places", "whole": "all places"}[kind]
            console.print(f"{words}, {asked.points} points, all curves, {in_words(took, asked.moves)}")
        page.evaluate("() => { globalThis.pictures = 0; }")
        begun = time.perf_counter()
        for move in range(120):
            page.mouse.move(x + move % 40, y - move)
            page.wait_for_timeout(1000 / 60)
        seconds, pictures = time.perf_counter() - begun, page.evaluate("() => globalThis.pictures")
        page.wait_for_timeout(1000)
        at = page.evaluate(POINT)
        page.mouse.up()
        last = max(abs(at[0] - x - 119 % 40), abs(at[1] - y + 119)) < 2
        console.print(
            f"a fast drag: {pictures / seconds:.0f} pictures a second, {'' if last else 'NOT '}up to the last"
        )


if __name__ == "__main__":
    sys.exit(main())
