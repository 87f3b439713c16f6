"""A predictor with a name or an address, as the explorer shows it: with the verdicts of its atlas."""

import json
from pathlib import Path
from typing import Any

from offprior import catalog
from offprior.adapters.addresses import is_address
from offprior.adapters.declared import Declared
from offprior.commands.atlas import MIXTURE_OF
from offprior.commands.named_predictor import named_predictor
from offprior.commands.stored_run import Run
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.recipe.parts import plain
from offprior.recipe.recipe import read
from offprior.storage.run_folder import ABOUT, ATLAS, EVALUATION, MANIFEST, RUNS, folder_name
from offprior.table import Table


def is_predictor(what: str | Path) -> bool:
    """Whether a text names a predictor of the catalogue or is an address, rather than the folder of a run."""
    name = str(what)
    return not (Path(what) / MANIFEST).is_file() and (is_address(name) or name in catalog.names("predictors"))


class JudgedPredictor:
    """A predictor in the place of a run, with what the explorer reads from a run.

    Its verdicts are those of `offprior atlas` in its default folder, if that was called with the same mixture.

    Args:
        what: the name or the address of the predictor.
        recipe: the recipe whose mixture draws the prompts, or a run of it; `mueller-2023` if None.
        declared: what the user says about a predictor at an address.

    Raises:
        OffpriorError: there is no such predictor, or a page cannot show it; the recipe is mistaken.
    """

    def __init__(self, what: str, recipe: str | Path | None = None, declared: Declared | None = None):
        of = recipe or MIXTURE_OF
        self.recipe = Run(of).recipe if (Path(of) / MANIFEST).is_file() else read(of)
        self.folder = RUNS / f"{ATLAS}-{folder_name(what)}"
        self.address, self._of, self._declared = what, recipe, declared
        self._predictor = named_predictor(what, self.recipe.mixture, declared)
        limits = getattr(self._predictor, "limits", None)
        if limits is not None and limits.on_regular_grid:
            message = "it takes only even steps in order, but the points of a page are dragged; use offprior atlas"
            raise SettingError(Problem("", message, what))
        self.judged = self._predictor.label

    @property
    def code(self) -> str:
        """Python code that makes it again."""
        given = [repr(self.address), *([] if self._of is None else [repr(str(self._of))])]
        given += ["declared=Declared(trust=True)"] if self._declared is not None and self._declared.trust else []
        return f"JudgedPredictor({', '.join(given)})"

    @property
    def prior_known(self) -> bool:
        """Whether its atlas knows what it was pretrained on."""
        return bool(self._about().get("prior_known"))

    def models(self) -> list[Any]:
        """Returns the predictor."""
        return [self._predictor]

    def places(self) -> list[Run]:
        """Returns nothing: a predictor is no study."""
        return []

    def table(self) -> Table:
        """Returns the evaluation table of its atlas.

        Raises:
            OffpriorError: `offprior atlas` was not called for it with this recipe.
        """
        if self._about().get("mixture") != json.loads(json.dumps(plain(self.recipe.mixture))):
            raise OffpriorError(f"{self.folder}: holds no atlas of {self.address} with this mixture")
        return Table.load(self.folder / EVALUATION)

    def _about(self) -> dict[str, Any]:
        path = self.folder / ABOUT
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        except ValueError:
            return {}


Shown = Run | JudgedPredictor
"""What a page can show."""


def check_can_be_shown(run: Shown) -> None:
    """Checks that a page can show a run or a predictor.

    Raises:
        SettingError: it is a study with several models, is on tokens, or has inputs of several dimensions.
    """
    places, mixture = run.places(), run.recipe.mixture
    if places:
        message = f"a study has one model per place; explore one place, such as {places[0].folder}"
        raise SettingError(Problem("study", message, str(run.folder)))
    if mixture.vocabulary:
        message = "a page shows functions of one number, but the families are token processes; see the report"
        raise SettingError(Problem("mixture", message, str(run.folder)))
    if mixture.dimension != 1:
        message = f"inputs have {mixture.dimension} numbers, but a page shows inputs of one number"
        raise SettingError(Problem("mixture", message, str(run.folder)))
