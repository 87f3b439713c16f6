"""Figures as files, and as SVG that can stand beside others in one HTML page."""

import io
import re
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.figure

from offprior.figures.figure import RC

# No date and no version in a file: the same tables give the same bytes.
METADATA: dict[str, dict[str, Any]] = {
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
    "pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
}
DPI = 150


def save(canvas: matplotlib.figure.Figure, folder: Path, name: str) -> str:
    """Write `name`.svg, .pdf and .png into `folder`; the SVG, for a page, comes back."""
    folder.mkdir(parents=True, exist_ok=True)
    svg = _rendered(canvas, "svg")
    # What stands where was settled by the first drawing; settling it again is half of the time.
    canvas.set_layout_engine(None)
    for suffix, drawn in (("svg", svg), ("pdf", _rendered(canvas, "pdf")), ("png", _rendered(canvas, "png"))):
        (folder / f"{name}.{suffix}").write_bytes(drawn)
    return inline(svg.decode(), name)


def inline(svg: str, name: str) -> str:
    """The SVG element of a file, its ids begun with `name` so that they stay unique in a page of many figures."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\sid=")', rf"\g<1>{name}-", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)
    head, end, body = svg.partition(">")
    width = re.search(r'\swidth="([\d.]+)pt"', head)
    head = re.sub(r'\s(width|height)="[^"]*"', "", head)
    size = f"width:100%;height:auto;max-width:{float(width[1]) * 4 / 3:.0f}px" if width else "width:100%"
    return f'{head} style="{size}" role="img" aria-labelledby="caption-{name}"{end}{body}'


def _rendered(canvas: matplotlib.figure.Figure, suffix: str) -> bytes:
    buffer = io.BytesIO()
    # Ids of clip paths and markers are hashed with the salt.
    with mpl.rc_context(RC):
        canvas.savefig(buffer, format=suffix, metadata=METADATA[suffix], dpi=DPI, facecolor="white")
    return buffer.getvalue()
