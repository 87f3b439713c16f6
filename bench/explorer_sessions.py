"""Many pages of the explorer at once: do all of them answer, and does the server's memory return when they leave?

    python bench/explorer_sessions.py --run runs/mueller-2023 [--sessions 50] [--rounds 2]

The server runs in a process of its own. Every round opens the sessions, moves a slider in each of them and waits for
all curves, then closes them and waits until the server has let them go. The first round is a warm-up, after which the
memory is taken; the last is compared with it.
"""

import contextlib
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from headless import CHROMIUM, MISSING, headless, options
from rich.console import Console

LET_GO = 40.0
"""Seconds in which a server forgets sessions that nobody holds: it looks every 5 s for those of 15 s and more."""
PATIENCE = 240_000
"""Milliseconds in which every page has to be answered."""
CURVE = 'Array.from(Bokeh.documents[0].get_model_by_name("curve: model").data_source.data["model"])'


def main(arguments: list[str] | None = None) -> int:
    asked = options(__doc__, arguments, sessions=50, rounds=2)
    console = Console(highlight=False, soft_wrap=True, file=sys.stderr)
    if CHROMIUM is None:
        console.print(MISSING)
        return 2
    command = [sys.executable, "-m", "offprior", "explore", str(asked.run), "--no-browser", "--port", "0"]
    with contextlib.ExitStack() as stack, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = next((found for line in server.stdout if (found := re.search(r"ready: (http\S+)", line))), None)
        try:
            if ready is None:
                return 2
            browser = stack.enter_context(headless())
            left = []
            for number in range(asked.rounds + 1):
                before = memory(server.pid)
                slowest, most = answered(browser, ready[1], asked.sessions, server.pid)
                time.sleep(LET_GO)
                left.append(memory(server.pid))
                console.print(
                    f"{f'round {number}' if number else 'warm-up'}: {asked.sessions} sessions, all answered after "
                    f"{slowest:.1f} s; memory {before:.0f} MiB before, {most:.0f} with them, {left[-1]:.0f} after"
                )
            grown = left[-1] / left[0] - 1
            console.print(f"memory after the last round against that after the warm-up: {grown:+.1%} (aimed at: 10%)")
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    return 0


def answered(browser: Any, address: str, sessions: int, process: int) -> tuple[float, float]:
    """Seconds until every one of so many pages has the curve of a new frequency; the server's memory with them, MiB."""
    pages = [browser.new_page() for _ in range(sessions)]
    try:
        for page in pages:
            page.goto(address, timeout=PATIENCE)
        for page in pages:
            page.wait_for_function(
                f"globalThis.Bokeh?.documents?.length > 0 && {CURVE}.some(Number.isFinite)", timeout=PATIENCE
            )
        for page in pages:
            page.evaluate(f"globalThis.before = JSON.stringify({CURVE})")
        begun = time.perf_counter()
        for number, page in enumerate(pages):
            page.evaluate(
                "value => { Bokeh.documents[0].get_model_by_name('frequency').value = value; }", 1.1 + 0.01 * number
            )
        for page in pages:
            page.wait_for_function(f"JSON.stringify({CURVE}) !== globalThis.before", timeout=PATIENCE)
        return time.perf_counter() - begun, memory(process)
    finally:
        for page in pages:
            page.close()


def memory(process: int) -> float:
    """Resident memory of a process, in MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {process} tells no memory")


if __name__ == "__main__":
    sys.exit(main())
