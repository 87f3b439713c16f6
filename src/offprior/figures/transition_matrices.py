"""Next-token probabilities after one context, as matrices."""

from typing import ClassVar

import matplotlib.figure
from matplotlib.ticker import MaxNLocator

from offprior.figures._look import Look
from offprior.figures._names import SHORT
from offprior.figures.figure import Figure, ReportData

ORDER = ("truth", "model", "B", "C", "S")


class TransitionMatrices(Figure):
    """What comes next after one context and each further token: the source, the model, B, C and S as matrices.

    A row is the further token, a column the next one. There is one context per family, and one of a combination.
    """

    place: ClassVar[int] = 11
    of_tokens: ClassVar[bool] = True

    def __init__(self, panel: str | None = None):
        self.panel = panel

    def panels(self, data: ReportData) -> dict[str, Figure]:
        return {name: TransitionMatrices(name) for name in _names(data)}

    def compose(self, data: ReportData, look: Look) -> matplotlib.figure.Figure | None:
        names = [name for name in _names(data) if self.panel in (None, name)]
        if not names:
            return None
        series = [name for name in ORDER if name in set(data.panels["series"])]
        side = look.width / (len(series) + 0.6)
        canvas = look.canvas(len(names) * (side + 0.35) + (0.3 if look.is_paper else 0.7))
        rows = canvas.subplots(len(names), len(series), squeeze=False, sharex=True, sharey=True)
        drawn, ticks = None, 2 if look.is_paper else 5
        for number, (axes, name) in enumerate(zip(rows, names, strict=True)):
            own = data.panels[data.panels["panel"] == name]
            top = float(own[own["series"] == "truth"]["probability"].max())
            for axis, each in zip(axes, series, strict=True):
                table = own[own["series"] == each].pivot(index="before", columns="token", values="probability")
                axis.grid(False)
                axis.xaxis.set_major_locator(MaxNLocator(ticks, integer=True))
                axis.yaxis.set_major_locator(MaxNLocator(ticks, integer=True))
                axis.set_title((each if look.is_paper else SHORT.get(each, each)) if number == 0 else "")
                if not table.empty:
                    drawn = axis.imshow(table.to_numpy(float), cmap="viridis", vmin=0.0, vmax=top, aspect="equal")
            label = name if look.is_paper else f"{name}: the token before"
            axes[0].set_ylabel(look.words(label, 0.9 * side, look.rc["axes.labelsize"]))
            if drawn is not None:
                words = "probability" if look.is_paper else "probability of the next token"
                canvas.colorbar(drawn, ax=list(axes), label=words)
        if look.is_paper:
            canvas.supxlabel("next token")
            canvas.supylabel("token before")
        else:
            for axis in rows[-1]:
                axis.set_xlabel("next token")
        look.title(canvas, f"What comes next after {data.panels['length'].iloc[0]:g} tokens and each further one")
        return canvas


def _names(data: ReportData) -> list[str]:
    return [] if "before" not in data.panels else [str(name) for name in data.panels["panel"].unique()]
