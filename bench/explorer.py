"""From a mouse move to the curves drawn anew, in headless Chromium, with every reference on.

    python bench/explorer.py --run runs/mueller-2023 [--moves 100] [--points 20]

A point is dragged in single moves; each is timed from the browser's own pointer event to the end of the frame in which
the model's curve and B's are drawn anew. Then it is dragged fast, sixty moves a second, and the picture has to be that
of the last position. It needs Chromium (or Chrome) on the path.
"""

import re
import signal
import subprocess
import sys
import time
from typing import Any

from headless import CHROMIUM, MISSING, headless, in_words, options
from rich.console import Console

LISTEN = """() => {
    const plot = Bokeh.documents[0].get_model_by_name("prompt");
    const items = plot.above.flatMap(each => each.items ?? []);
    const sources = ["model", "B"].map(
        label => items.find(each => each.label.value === label).renderers[0].data_source);
    globalThis.moved = 0;
    globalThis.took = [];
    let seen = new Set();
    document.addEventListener("pointermove", () => { globalThis.moved = performance.now(); seen = new Set(); }, true);
    sources.forEach((source, k) => source.properties.data.change.connect(() => {
        seen.add(k);
        const begun = globalThis.moved;
        if (seen.size === sources.length && begun > 0) {
            globalThis.moved = 0;
            // Bokeh draws in the next frame; a message that is posted there arrives when the frame is done.
            requestAnimationFrame(() => {
                const {port1, port2} = new MessageChannel();
                port1.onmessage = () => globalThis.took.push(performance.now() - begun);
                port2.postMessage(0);
            });
        }
    }));
}"""
POINT = """() => {
    const plot = Bokeh.documents[0].get_model_by_name("prompt");
    const view = Bokeh.index.find_one(plot);
    const dots = plot.renderers.find(each => "number" in each.data_source.data).data_source.data;
    const box = view.canvas_view.el.getBoundingClientRect();
    return [box.left + view.frame.x_scale.compute(dots.x[0]), box.top + view.frame.y_scale.compute(dots.y[0])];
}"""


def main(arguments: list[str] | None = None) -> int:
    asked = options(__doc__, arguments, moves=100, points=20)
    console = Console()
    if CHROMIUM is None:
        console.print(MISSING)
        return 2
    command = [sys.executable, "-m", "offprior", "explore", str(asked.run), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = next((found for line in server.stdout if (found := re.search(r"ready: (http\S+)", line))), None)
        try:
            if ready is None:
                return 2
            _measure(ready[1], asked, console)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    return 0


def _measure(address: str, asked: Any, console: Console) -> None:
    with headless() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        begun = time.perf_counter()
        page.goto(f"{address}?length={asked.points}")
        page.wait_for_function("Bokeh?.documents?.length > 0 && document.body.innerText !== null")
        page.get_by_text("P(family | context)").wait_for()
        console.print(f"first page: {time.perf_counter() - begun:.2f} s (aimed at: 3 s)", highlight=False)
        for box in page.get_by_role("checkbox").all():
            box.check()
        page.wait_for_timeout(20_000)  # what they compile
        page.evaluate(LISTEN)
        x, y = page.evaluate(POINT)
        page.mouse.move(x, y)
        page.mouse.down()
        # At once: what is held still for a quarter of a second is a press to Bokeh, and no drag.
        page.mouse.move(x + 8, y - 8)
        page.mouse.move(x + 16, y - 16)
        for warm in (True, False):
            page.evaluate("globalThis.took = []")
            for move in range(10 if warm else asked.moves):
                page.mouse.move(x + 3 * (move % 20), y - 2 * (move % 30))
                page.wait_for_timeout(300)
        took = page.evaluate("globalThis.took")
        for move in range(120):
            page.mouse.move(x + move % 40, y - move)
            page.wait_for_timeout(1000 / 60)
        page.wait_for_timeout(2000)
        at = page.evaluate(POINT)
        page.mouse.up()
        console.print(
            f"{asked.points} points, everything shown, {in_words(took, asked.moves)} (aimed at: 60 and 150 ms)",
            highlight=False,
            soft_wrap=True,
        )
        last = max(abs(at[0] - x - 119 % 40), abs(at[1] - y + 119)) < 2
        console.print(f"after a fast drag the picture is {'' if last else 'NOT '}of the last position")


if __name__ == "__main__":
    sys.exit(main())
