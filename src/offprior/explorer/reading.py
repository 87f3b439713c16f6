"""The numbers next to the plot, as a table that screen readers can read."""

import math
from collections.abc import Mapping
from html import escape

from offprior.explorer.answer import Answers


def reading(answers: Answers, approximation: str = "", titles: Mapping[str, str] | None = None) -> str:
    """Returns P(family | context), the distance from the prior, errors and the nearest cell's verdict as HTML.

    Args:
        answers: the answers to show.
        approximation: what is approximate about the exact predictors, in words.
        titles: the names of curves that are called otherwise than their labels.
    """
    parts = []
    called = titles or {}
    if answers.failure:
        parts.append(f"<h3>No answer</h3><p>{escape(answers.failure)}</p>")
    if answers.probability:
        bars = "".join(_bar(name, share) for name, share in answers.probability.items())
        parts.append(f"<h3>P(family | context)</h3><table>{bars}</table>")
    mean, spread = answers.typical
    if math.isfinite(answers.surprise) and math.isfinite(mean):
        off = (answers.surprise - mean) / spread if spread > 0 else 0.0
        where = "typical of the prior" if off < 2 else f"{off:.1f} standard deviations outside the prior"
        parts.append(
            f"<h3>Evidence</h3><p>−log evidence {answers.surprise:.2f} nats per point; prompts of the mixture: "
            f"{mean:.2f} ± {spread:.2f}. <b>{where}</b></p>"
        )
    if answers.errors:
        rows = "".join(
            f"<tr><td>{escape(called.get(label, label))}</td><td style='text-align:right'>{_figure(error)}</td></tr>"
            for label, error in answers.errors.items()
        )
        parts.append(f"<h3>Error, share of the truth's variance</h3><table>{rows}</table>")
    if answers.look is not None:
        parts.append(_inside(answers))
    if answers.verdict:
        parts.append(f"<h3>Verdict of the nearest cell</h3><p>{escape(answers.verdict)}</p>")
    if approximation and answers.probability:
        parts.append(f"<h3>Approximate</h3><p>{escape(approximation)}</p>")
    if not parts:
        parts.append("<p>There are no points: double-click in the plot, or press New task.</p>")
    return f"<div class='reading'>{''.join(parts)}</div>"


def _inside(answers: Answers) -> str:
    """Returns P(family) as each layer holds it, above the exact posterior."""
    look = answers.look
    assert look is not None
    found = f"<h3>Inside the model, at the query</h3><p>attention on the query itself: {look.own:.3f}</p>"
    if look.families is not None and look.accuracy is not None:
        names = "".join(f"<th>{escape(name)}</th>" for name in answers.probability)
        layers = ["the query's x", *(f"layer {number}" for number in range(1, len(look.families)))]
        rows = "".join(
            f"<tr><td>{layer}</td>{''.join(f'<td>{share:.3f}</td>' for share in shares)}<td>{right:.3f}</td></tr>"
            for layer, shares, right in zip(layers, look.families, look.accuracy, strict=True)
        )
        exact = "".join(f"<td>{share:.3f}</td>" for share in answers.probability.values())
        found += (
            f"<table><tr><th>P(family), read out linearly</th>{names}<th>right*</th></tr>{rows}"
            f"<tr><td><b>exact posterior</b></td>{exact}<td>{look.exact_accuracy:.3f}</td></tr></table>"
            "<p>* share of held-out prompts whose family is identified</p>"
        )
    return found + (f"<p>{escape(look.note)}</p>" if look.note else "")


def _bar(name: str, share: float) -> str:
    return (
        f"<tr><td>{escape(name)}</td><td style='width:90px'><div style='background:#0072b2;height:10px;"
        f"width:{max(1, round(90 * share))}px'></div></td><td>{share:.3f}</td></tr>"
    )


def _figure(value: float) -> str:
    return f"{value:.3f}" if value < 100 else f"{value:.2g}"
