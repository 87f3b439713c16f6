"""The explorer as one file that needs no server, with the weights, the exact posteriors and the page's scripts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from offprior import __version__
from offprior.commands.stored_run import Run
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.evaluation.prediction_panels import NORMAL_95
from offprior.explorer.answers import Answerer
from offprior.explorer.state import OWN
from offprior.explorer.static_network import network_of, parameters
from offprior.explorer.static_posterior import posterior_of
from offprior.explorer.static_prompts import COMPARED, comparison_of, presets_of, typical_of
from offprior.explorer.static_smoother import smoother_of
from offprior.figures.figure import Style, style_of
from offprior.predictors._references import References
from offprior.storage.files import beside

SCRIPTS = Path(__file__).parent / "static"
TEMPLATE = "page.html.j2"
ENGINE = ("arrays", "programs", "boxes", "posterior", "smoother", "products", "network", "engine")
"""Scripts that a worker runs, in the order of their dependencies."""
PAGE = ("state", "plot", "page")
WIDER = 0.6
"""How much wider lines are than in a report's figures [points]."""


def write_static_page(folder: Path, page: Path, say: Callable[[str], None] = print) -> Path:
    """Writes a run's page as one file that needs no server and no network; the file appears whole or not at all.

    It contains the first seed's model, and B, C and the classes if the page can evaluate their posterior.

    Args:
        folder: the run's folder.
        page: the file.
        say: the function that receives messages.

    Returns:
        The file.

    Raises:
        OffpriorError: the run is not pretrained, or is a study; its inputs have several dimensions; its model is too
            large, or has a setting that the page does not support; the file cannot be written.
    """
    if page.is_dir():
        raise SettingError(Problem("--static", f"{page} is a folder; name a file, such as {page / 'page.html'}"))
    answerer = Answerer(Run(folder))
    network = network_of(answerer.models[0], str(folder))
    posterior, missing = _exact(answerer)
    say(f"computing the answers that the page will be compared with ({COMPARED} prompts)")
    text = _rendered(answerer, network, posterior, missing)
    with beside(page) as partial:
        partial.write_text(text, encoding="utf-8")
    say(f"{page}: {len(text.encode()) / 1e6:.1f} MB; open it in a browser; it needs nothing else")
    if missing:
        say(missing)
    return page


def _exact(answerer: Answerer) -> tuple[dict[str, Any] | None, str]:
    """Returns the posterior, and what it lacks in words; limits the answerer's references to those on the page."""
    if answerer.references is None:
        return None, "No exact posterior is shown: a family of the mixture has none."
    tried = [(answerer.references, "")]
    if answerer.has_combined:
        tried.append((References(answerer.mixture), "C, which knows combinations, is left out"))
    reason = ""
    for references, without in tried:
        try:
            found = posterior_of(references, answerer.places)
        except OffpriorError as error:
            reason = str(error)
            continue
        answerer.references, answerer.has_combined = references, answerer.has_combined and not without
        return found, f"{without}: {reason}." if without else ""
    answerer.references, answerer.has_combined = None, False
    return None, f"The exact posterior is left out: {reason}."


def _rendered(answerer: Answerer, network: dict[str, Any], posterior: dict[str, Any] | None, missing: str) -> str:
    comparison, words = comparison_of(answerer, posterior is not None)
    presets = presets_of(answerer)
    families = list(answerer.mixture.family_names)
    stored = {
        "engine": {"network": network, "posterior": posterior, "smoother": smoother_of(), "comparison": comparison},
        "state": presets,
        "typical": typical_of(answerer),
        "places": answerer.places.tolist(),
        "comparison_words": words,
        "looks": {
            "inside": list(answerer.inside),
            "normal_95": NORMAL_95,
            "styles": {label: _look(label, families) for label in presets["labels"]},
        },
    }
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SCRIPTS), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    model = answerer.models[0]
    return environment.get_template(TEMPLATE).render(
        title=answerer.recipe.title or answerer.run.folder.resolve().name,
        run=answerer.run.folder.resolve().name,
        seed=model.seed,
        seeds=len(answerer.models),
        parameters=parameters(model.network),
        network=network,
        noise=float(np.asarray(model.mixture.noise)),
        families=families,
        presets=presets["presets"],
        own=OWN,
        labels=[(label, stored["looks"]["styles"][label]) for label in presets["labels"]],
        longest=answerer.longest,
        has_posterior=posterior is not None,
        has_combined=answerer.has_combined,
        missing=missing,
        approximation=answerer.approximation,
        version=__version__,
        stored=_as_script_data(stored),
        engine_script=_joined(ENGINE),
        page_script=_joined(PAGE),
    )


def _as_script_data(stored: dict[str, Any]) -> Markup:
    """Returns JSON in which no part can be read as the end of a script."""
    text = json.dumps(stored, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))


def _joined(names: tuple[str, ...]) -> Markup:
    return Markup("\n".join((SCRIPTS / f"{name}.js").read_text(encoding="utf-8") for name in names))


def _look(label: str, families: list[str]) -> dict[str, Any]:
    """Returns colour, width and dashes of a curve, as in the report."""
    style: Style = style_of(label, families)
    width = style.linewidth + WIDER
    dashes = () if style.linestyle == "-" else style.linestyle[1]
    return {"color": style.color, "width": width, "dash": " ".join(f"{dash * width:.3g}" for dash in dashes)}
