"""The page of a run on tokens: its text, and the answers in the form that its scripts read."""

from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from offprior import __version__
from offprior.columns import SMOOTHER
from offprior.explorer.state import CELL, FAMILY
from offprior.explorer.token_answers import TokenAnswerer, TokenAnswers, first_state
from offprior.explorer.token_state import CHARACTERS, OWN, TokenState, written
from offprior.figures.figure import style_of

SCRIPTS = Path(__file__).parent / "static"
TEMPLATE = "token_page.html.j2"
KNOWN = ("truth", "model", "B", "C", SMOOTHER)
"""The predictors that a page shows at first."""
DIGITS = 7
"""Significant digits of the numbers that a page receives."""
OTHERS = ("#56b4e9", "#cc79a7", "#e69f00", "#8c564b", "#9467bd", "#17becf", "#bcbd22")
"""Colours of the predictors of the panel."""


def told(
    answerer: TokenAnswerer, state: TokenState, answers: TokenAnswers, matrices: dict[str, np.ndarray] | None = None
) -> dict[str, Any]:
    """Returns answers as JSON holds them; `matrices` are those of `TokenAnswerer.further`."""
    found: dict[str, Any] = {
        "text": written(answers.tokens, answerer.vocabulary),
        "tokens": list(answers.tokens),
        "probabilities": {label: _short(each) for label, each in answers.probabilities.items()},
        "divergences": {label: _short(each) for label, each in answers.divergences.items()},
        "against": answers.against,
        "families": None if answers.families is None else _short(answers.families),
        "surprise": None if answers.surprise is None else _short(answers.surprise),
        "verdict": answers.verdict,
        "step": answerer.film.step_of(state),
        "python": as_python(answerer, state, answers),
    }
    if matrices is not None:
        found["matrices_after"] = answerer.matrices_after(state, answers)
        found["matrices"] = {label: _short(each) for label, each in matrices.items()}
    return found


def _short(numbers: np.ndarray) -> list:
    """Returns an array as lists of numbers that JSON can hold, with few digits; what is not finite is None."""

    def shortened(value: Any) -> Any:
        if isinstance(value, list):
            return [shortened(each) for each in value]
        return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None

    return shortened(numbers.tolist())


def as_python(answerer: TokenAnswerer, state: TokenState, answers: TokenAnswers) -> str:
    """Returns Python code that computes the bars from the run's folder, by public names; C takes more lines."""
    exact = '"B": op.Bayes(run.recipe.mixture), ' if answerer.bayes is not None else ""
    step = answerer.film.step_of(state)
    return f"""import numpy as np
import offprior as op

run = op.Run({str(answerer.run.folder)!r})
tokens = np.array([{list(answers.tokens)}], np.int32).reshape(1, -1)
model = run.models({f"step={step}" if step else ""})[{min(state.model, len(answerer.models) - 1)}]
smoother = op.BackOff().for_mixture(run.recipe.mixture)
for name, predictor in {{"model": model, {exact}"S": smoother}}.items():
    print(name, predictor.next_tokens(tokens, [{min(state.after, len(answers.tokens))}])[0, 0].round(4))
"""


def page_of(answerer: TokenAnswerer) -> str:
    """Returns the page as HTML, with the settings that its scripts need."""
    start = first_state(answerer)
    means, spreads = answerer.typical
    families = list(answerer.mixture.family_names)
    labels = list(answerer.labels)
    styles = {}
    for number, label in enumerate(labels):
        if label in KNOWN:
            style = style_of(label)
            look = {"color": style.color, "dash": "" if style.linestyle == "-" else "5 3"}
        else:
            look = {"color": OTHERS[number % len(OTHERS)], "dash": "2 2"}
        styles[label] = {**look, "is_known": label in KNOWN}
    stored = {
        "vocabulary": answerer.vocabulary,
        "characters": CHARACTERS[: answerer.vocabulary] if answerer.vocabulary <= len(CHARACTERS) else None,
        "longest": answerer.longest,
        "families": families,
        "strengths": answerer.sources.strengths,
        "coordinates": {label: probe.coordinate for label, probe in answerer.sources.probes.items()},
        "labels": labels,
        "styles": styles,
        "steps": answerer.film.steps,
        "typical": {"means": means, "spreads": spreads},
        "own": OWN,
        "cell": CELL,
        "family": FAMILY,
        "start": {name: getattr(start, name) for name in ("preset", "probe", "strength", "length", "task")},
        "models": len(answerer.models),
        "combining": answerer.combining if "C" in labels else [],
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SCRIPTS), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(TEMPLATE).render(
        title=answerer.recipe.title or answerer.run.folder.resolve().name,
        run=answerer.run.folder.resolve().name,
        families=families,
        probes=list(answerer.sources.strengths),
        seeds=[model.seed for model in answerer.models],
        labels=[(label, styles[label]) for label in labels],
        longest=answerer.longest,
        has_combined="C" in labels,
        combining=answerer.combining,
        has_posterior=answerer.bayes is not None,
        steps=len(answerer.film.steps),
        own=OWN,
        family=FAMILY,
        cell=CELL,
        version=__version__,
        stored=stored,
    )
