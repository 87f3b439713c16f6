"""Many pages of the explorer at once: do all of them answer, and does the server's memory return when they leave?

    python bench/explorer_sessions.py --run runs/mueller-2023 [--sessions 50] [--rounds 2]

The server runs in a process of its own. Every round opens the sessions, moves a slider in each of them and waits for
all curves, then closes them and waits until the server has let them go. The first round is a warm-up, after which the
memory is taken; the last is compared with it.
"""

import argparse
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

LET_GO = 40.0
"""Seconds in which a server forgets sessions that nobody holds: it looks every 5 s for those of 15 s and more."""
PATIENCE = 120.0


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    console = Console(highlight=False, soft_wrap=True)
    command = [sys.executable, "-m", "offprior", "explore", str(options.run), "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = next((found for line in server.stdout if (found := re.search(r"ready: (http\S+)", line))), None)
        try:
            if ready is None:
                return 2
            left = []
            for number in range(options.rounds + 1):
                before = memory(server.pid)
                slowest, most = answered(ready[1], options.sessions, server.pid)
                time.sleep(LET_GO)
                left.append(memory(server.pid))
                console.print(
                    f"{'warm-up' if number == 0 else f'round {number}'}: {options.sessions} sessions, all answered after "
                    f"{slowest:.1f} s; memory {before:.0f} MiB before, {most:.0f} with them, {left[-1]:.0f} after"
                )
            grown = left[-1] / left[0] - 1
            console.print(f"memory after the last round against that after the warm-up: {grown:+.1%} (aimed at: 10%)")
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=30)
    return 0


def answered(address: str, sessions: int, process: int) -> tuple[float, float]:
    """Seconds until every one of so many sessions has a new curve for a new frequency, and the memory with them, MiB."""
    from bokeh.client import pull_session

    opened = [pull_session(url=address) for _ in range(sessions)]
    try:
        for session in opened:
            _until(lambda session=session: np.isfinite(_curve(session)).all())
        before = [_curve(session).copy() for session in opened]
        begun = time.perf_counter()
        for number, session in enumerate(opened):
            session.document.get_model_by_name("frequency").value = 1.1 + 0.05 * (number % 20)
        for session, old in zip(opened, before, strict=True):
            _until(lambda session=session, old=old: not np.array_equal(_curve(session), old))
        return time.perf_counter() - begun, memory(process)
    finally:
        for session in opened:
            session.close()


def memory(process: int) -> float:
    """Resident memory of a process, in MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {process} tells no memory")


def _curve(session: Any) -> np.ndarray:
    session.force_roundtrip()
    line = session.document.get_model_by_name("curve: model")
    return np.asarray(line.data_source.data["model"], float)


def _until(is_so: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > end:
            raise TimeoutError("a session had no answer")
        time.sleep(0.02)


def _options(arguments: list[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a pretrained run's folder")
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=2, help="after the warm-up")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
