"""Figures as files, and as SVG elements for one HTML page."""

import contextlib
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fontTools.subset
import matplotlib.figure

from offprior.figures._look import FONT

# Files contain no date and no version, so that the same tables give the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
DPI = 150
FALLBACK = f"'{FONT}', 'Bitstream Vera Sans', Verdana, Geneva, sans-serif"
"""Fonts of an SVG's text: if the first is missing, those with nearly the same widths come before any other."""
SUFFIXES = ("svg", "pdf", "png")


def save(canvas: matplotlib.figure.Figure, folder: Path, name: str, suffixes: Sequence[str] = SUFFIXES) -> str:
    """Writes `name` into `folder` with each suffix, by default .svg, .pdf and .png; returns the SVG for a page."""
    files = rendered(canvas, ("svg", *suffixes))
    folder.mkdir(parents=True, exist_ok=True)
    for suffix in suffixes:
        (folder / f"{name}.{suffix}").write_bytes(files[suffix])
    return inline(files["svg"].decode(), name)


def rendered(canvas: matplotlib.figure.Figure, suffixes: Sequence[str]) -> dict[str, bytes]:
    """Returns the bytes of a figure's files, by suffix."""
    files: dict[str, bytes] = {}
    for suffix in dict.fromkeys(suffixes):
        buffer = io.BytesIO()
        with _fonts_without_rules_of_layout():
            canvas.savefig(buffer, format=suffix, metadata=METADATA[suffix], dpi=DPI, facecolor="white")
        drawn = buffer.getvalue()
        fonts = f"font-family: '{FONT}'", f"font-family: {FALLBACK}"
        files[suffix] = drawn if suffix != "svg" else drawn.decode().replace(*fonts).encode()
        # The first drawing has determined the layout; determining it again would take half of the time.
        canvas.set_layout_engine(None)
    return files


@contextlib.contextmanager
def _fonts_without_rules_of_layout() -> Iterator[None]:
    """Leaves out of a PDF's fonts what lays text out: a PDF names each glyph and its place.

    fontTools would read all of these tables of the whole font for each figure, which took half of a PDF's time.
    """
    options = fontTools.subset.Options
    before = getattr(options, "_drop_tables_default", None)
    if before is None:  # a version of fontTools that keeps it elsewhere: as right, and slower
        yield
        return
    options._drop_tables_default = [*before, "GSUB", "GPOS", "GDEF"]
    try:
        yield
    finally:
        options._drop_tables_default = before


def inline(svg: str, name: str) -> str:
    """Returns the SVG element of a file, its ids prefixed with `name` to keep them unique in a page of many figures."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\sid=")', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    head, end, body = svg.partition(">")
    width = re.search(r'\swidth="([\d.]+)pt"', head)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    size = f"width:100%;height:auto;max-width:{float(width[1]) * 4 / 3:.0f}px" if width else "width:100%"
    return f'{head} style="{size}" role="img" aria-labelledby="caption-{name}"{end}{body}'
