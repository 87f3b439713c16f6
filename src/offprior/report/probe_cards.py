"""A description of each probe in a report: a sentence, and a small figure of its errors."""

import tempfile
from pathlib import Path
from typing import Any

from markupsafe import Markup

from offprior import catalog
from offprior.analysis.verdict import is_judged
from offprior.columns import IN_DISTRIBUTION
from offprior.figures._thumbnail import LOOK, Thumbnail, shown
from offprior.figures.figure import ReportData, along_context
from offprior.report.drawing import Named, drawn
from offprior.report.names import slug
from offprior.report.tables import counts


def cards(data: ReportData) -> list[dict[str, Any]]:
    """Returns one card per probe: its label, its sentence, the counts of its verdicts, and a small figure as SVG."""
    probes = [probe for probe in data.probes if probe.partition(",")[0] != IN_DISTRIBUTION]
    small = [Named(f"small-{slug(probe)}", Thumbnail(probe), LOOK, ()) for probe in probes]
    with tempfile.TemporaryDirectory() as nowhere:  # thumbnails write no files
        pictures = drawn(small, data, Path(nowhere))
    return [
        {
            "name": slug(probe),
            "probe": probe,
            "sentence": sentence(probe),
            "where": _where(data, probe),
            "counts": counts(data.cells(probe).to_dict("records")) if is_judged(data.metrics) else "",
            "svg": Markup(picture or ""),
        }
        for probe, picture in zip(probes, pictures, strict=True)
    ]


def sentence(probe: str) -> str:
    """Returns the first line of a probe's docstring, read from the source; empty for a probe of another package.

    A label begins with the probe's name, as in "convex, one-sided 0.6". Probes of other packages would have to be
    imported, and jax with them.
    """
    name = probe.partition(",")[0]
    return catalog.caption("probes", name) if name in catalog.built_in("probes") else ""


def _where(data: ReportData, probe: str) -> str:
    """Describes what the small figure shows."""
    cells = data.cells(probe)
    lengths = shown(data, cells)["length"].unique()
    if along_context(cells) or len(lengths) > 1:
        return "Error by context length."
    return f"Error along the path, {lengths[0]:g} {data.wording.of}."
