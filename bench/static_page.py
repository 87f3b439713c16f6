"""Size of a page without a server, and from a pointer's move to the curves drawn anew, in headless Chromium.

    python bench/static_page.py --run runs/mueller-2023 [--moves 100] [--points 20]

A point is dragged in single moves with every curve on; each is timed from the browser's own pointer event to the frame
after the model's curve and B's have changed: first at a quarter of the places, then at all of them. Then it is dragged
fast, sixty moves a second: how many pictures a second there are, and is the last of them that of the last position? It
needs Chromium (or Chrome) on the path.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

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
        if (kind && begun > 0) requestAnimationFrame(() => requestAnimationFrame(
            () => globalThis.took[kind].push(performance.now() - begun)));
    }).observe(line, { attributes: true, attributeFilter: ["d"] });
}"""
POINT = """() => {
    const box = document.querySelector("#plot circle").getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
}"""


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    console = Console(highlight=False, soft_wrap=True)
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        console.print("there is no chromium on the path")
        return 2
    from offprior.explorer.static_page import write_static_page

    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        page = write_static_page(options.run, Path(folder) / "page.html", say=lambda _: None)
        size = page.stat().st_size
        console.print(f"written in {time.perf_counter() - begun:.0f} s: {size / 1e6:.2f} MB")
        _measure(page, browser, options, console)
    return 0


def _measure(written: Path, browser: str, options: argparse.Namespace, console: Console) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        begun = time.perf_counter()
        page.goto(f"{written.as_uri()}#length={options.points}")
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
            for move in range(10 if warm else options.moves):
                page.mouse.move(x + 3 * (move % 20), y - 2 * (move % 30))
                page.wait_for_timeout(300)
        for kind, took in page.evaluate("() => globalThis.took").items():
            _tell(kind, took, options, console)
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
        chromium.close()


def _tell(kind: str, took: list[float], options: argparse.Namespace, console: Console) -> None:
    took = sorted(took)
    median, most = statistics.median(took), took[int(0.95 * (len(took) - 1))]
    words = {"coarse": "a quarter of the places", "whole": "all places"}[kind]
    console.print(
        f"{words}: {len(took)} of {options.moves} moves, {options.points} points, all curves: "
        f"median {median:.0f} ms, 95% {most:.0f} ms"
    )


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a pretrained run's folder")
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument("--points", type=int, default=20)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
