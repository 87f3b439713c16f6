"""A headless Chromium for the benchmarks of pages, and what they all ask and tell."""

import argparse
import contextlib
import shutil
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
"""None where there is none on the path."""
MISSING = "there is no chromium on the path"


@contextlib.contextmanager
def headless() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def in_words(took: list[float], moves: int) -> str:
    """Median and 95% of milliseconds."""
    took = sorted(took)
    median, most = statistics.median(took), took[int(0.95 * (len(took) - 1))]
    return f"{len(took)} of {moves} moves: median {median:.0f} ms, 95% {most:.0f} ms"


def options(document: str | None, arguments: list[str] | None, **numbers: int) -> Any:
    """A run, and numbers with their usual values."""
    parser = argparse.ArgumentParser(description=document, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="a pretrained run's folder")
    for name, usual in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=usual)
    return parser.parse_args(arguments)
