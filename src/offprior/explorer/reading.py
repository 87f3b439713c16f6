"""The numbers beside the plot, as a table that a screen reader reads too."""

import math
from html import escape

from offprior.explorer.answers import Answers


def reading(answers: Answers) -> str:
    """P(family | context), how far outside the prior, errors and the nearest cell's verdict, as HTML."""
    parts = []
    if answers.probability:
        bars = "".join(_bar(name, share) for name, share in answers.probability.items())
        parts.append(f"<h3>P(family | context)</h3><table>{bars}</table>")
    mean, spread = answers.typical
    if math.isfinite(answers.surprise) and math.isfinite(mean):
        off = (answers.surprise - mean) / spread if spread > 0 else 0.0
        where = "typical of the prior" if off < 2 else f"{off:.1f} standard deviations outside of the prior"
        parts.append(
            f"<h3>Evidence</h3><p>−log evidence {answers.surprise:.2f} nats a point; prompts of the mixture: "
            f"{mean:.2f} ± {spread:.2f}. <b>{where}</b></p>"
        )
    if answers.errors:
        rows = "".join(
            f"<tr><td>{escape(label)}</td><td style='text-align:right'>{_figure(error)}</td></tr>"
            for label, error in answers.errors.items()
        )
        parts.append(f"<h3>Error, share of the truth's variance</h3><table>{rows}</table>")
    if answers.verdict:
        parts.append(f"<h3>Verdict of the nearest cell</h3><p>{escape(answers.verdict)}</p>")
    if not parts:
        parts.append("<p>There are no points: double-click into the plot, or press New task.</p>")
    return f"<div class='reading'>{''.join(parts)}</div>"


def _bar(name: str, share: float) -> str:
    return (
        f"<tr><td>{escape(name)}</td><td style='width:90px'><div style='background:#0072b2;height:10px;"
        f"width:{max(1, round(90 * share))}px'></div></td><td>{share:.3f}</td></tr>"
    )


def _figure(value: float) -> str:
    return f"{value:.3f}" if value < 100 else f"{value:.2g}"
