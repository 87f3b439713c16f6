"""A run in its folder: its recipe, models, tables and report; and the context manager that starts or resumes one."""

import contextlib
import functools
import html
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from offprior.columns import MODEL
from offprior.errors import OffpriorError, Problem, SettingError
from offprior.recipe.recipe import Recipe, read
from offprior.storage import run_folder
from offprior.storage.files import locked
from offprior.storage.run_folder import MANIFEST, RECIPE, RUNS, RunFolder

SMALLEST_FREE_BYTES = 50_000_000
"""The disk space that checkpoints and tables of a small run need."""


class Run(RunFolder):
    """A recipe that was carried out in a folder."""

    judged: str = MODEL
    """The name of the predictor that verdicts are about, in its tables."""

    def __init__(self, folder: str | Path, recipe: Recipe | None = None):
        super().__init__(folder)
        if recipe is not None:
            self.recipe = recipe

    def __repr__(self) -> str:
        count = len(self.manifest.get("seeds", []))
        seeds, state = "seed" if count == 1 else "seeds", "finished" if self.finished else "unfinished"
        return f"Run of {self.manifest.get('recipe', 'a recipe')} in {self.folder}: {count} {seeds}, {state}"

    def _repr_html_(self) -> str:
        report = self.folder / "report" / "index.html"
        link = f'<br><a href="{html.escape(report.as_posix())}">report</a>' if report.is_file() else ""
        return f"<p>{html.escape(repr(self))}{link}</p>"

    @functools.cached_property
    def recipe(self) -> Recipe:
        """The recipe, read back from the folder."""
        return read(self.folder / RECIPE)

    def models(self, step: int | None = None) -> list[Any]:
        """Returns the pretrained models as predictors, one per seed.

        Args:
            step: the training step whose weights are wanted, one of those that `training.trajectory` keeps; the last if
                None.

        Raises:
            OffpriorError: a checkpoint is missing or cannot be read.
        """
        found = [model for model in self._pretrained() if model.label == MODEL]
        if step is None:
            return found
        from offprior.pretraining.checkpoint import at_step

        return [at_step(self.folder, model, step, MODEL) for model in found]

    def specialists(self) -> list[Any]:
        """Returns the models that were trained on one family alone as predictors, one per family and seed.

        Raises:
            OffpriorError: a checkpoint is missing or cannot be read.
        """
        return [model for model in self._pretrained() if model.label != MODEL]

    def places(self) -> list["Run"]:
        """Returns the runs at the places of a study, in the order in which they were started."""
        return [Run(path.parent) for path in sorted(self.folder.glob(f"place-*/{MANIFEST}"))]

    def study(self) -> Any:
        """Returns the result of a study (`offprior.analysis.study.StudyResult`): its curve, and where it crosses.

        Raises:
            OffpriorError: the run is not a study, or has not been probed.
        """
        from offprior.analysis.study import probes_read, study_result

        study = self.recipe.study
        if study is None:
            raise SettingError(Problem("study", "the run's recipe has no study", str(self.folder)))
        return study_result(self.evaluation(probe=probes_read(study)), study)

    def table(self, place: int | None = None) -> Any:
        """Returns the evaluation table, with errors, metrics and verdicts; for a study, the table of one place.

        Args:
            place: the number of a study's place.

        Raises:
            OffpriorError: the run has not been probed, or it is a study and no existing place was given.
        """
        from offprior.table import Table

        if self.recipe.study is None:
            return Table(self.evaluation())
        rows = self.evaluation(**({} if place is None else {"place": [place]}))
        if place is None or rows.empty:
            numbers = ", ".join(str(number) for number in rows["place"].unique())
            given = "no place was given" if place is None else f"the study has no place {place}"
            raise SettingError(
                Problem("place", f"{given}; a study has one table per place ({numbers})", str(self.folder))
            )
        return Table(rows)

    def _pretrained(self) -> list[Any]:
        from offprior.commands.recipe_run import Job, pretrained

        return pretrained(Job(self, self.recipe))

    def report(
        self,
        style: str = "page",
        *,
        width: float | None = None,
        only: Sequence[str] = (),
        out: str | Path | None = None,
    ) -> Path:
        """Writes the report and returns its HTML file, or writes figures for a paper and returns their folder.

        Args:
            style: "page" writes the report; "paper" writes figures as PDF and SVG without titles, and LaTeX tables of
                verdicts.
            width: width of a paper's figures [inches]; 3.25 if None.
            only: a paper's figures by name, as in "error-by-strength:convex"; all if empty.
            out: the folder of a paper's figures; `report/paper` in the run's folder if None.

        Raises:
            OffpriorError: the run has not been probed; a name in `only` is unknown; `width`, `only` or `out` are given
                for a page.
        """
        from offprior.report.paper import check_style, paper_of
        from offprior.report.report import write_report

        check_style(style, width=width, only=only, out=out)
        if style == "paper":
            return paper_of(self.folder, width=width, only=only, out=out)[0]
        return write_report(self.folder)


@contextlib.contextmanager
def begin(wanted: Recipe, *, out: str | Path | None = None, seeds: int = 1, resume: bool = False) -> Iterator[Run]:
    """Yields a new run in its folder, or the existing run of the same recipe; other processes are kept out meanwhile.

    Args:
        wanted: the recipe.
        out: the run's folder; `runs/NAME` if None.
        seeds: the number of training seeds.
        resume: whether an unfinished run in the folder may be continued.

    Raises:
        OffpriorError: the recipe is invalid, or the folder holds something else, or an unfinished run without `resume`.
    """
    from offprior.commands.recipe_run import about

    if seeds < 1:
        raise SettingError(Problem("--seeds", f"must be at least 1, got {seeds}"))
    folder = Path(out) if out is not None else RUNS / wanted.name
    fingerprint = wanted.fingerprint()
    run_folder.check_usable(folder, fingerprint)  # before a lock is written into a folder with other content
    _check_room(folder)
    with locked(folder):
        is_new = not (folder / run_folder.MANIFEST).exists()
        run_folder.create(folder, wanted.to_yaml(), fingerprint, about(wanted, seeds))
        found = Run(folder, wanted)
        asked = len(found.manifest["seeds"])
        more = seeds > asked
        if not is_new and not resume and (more or not found.finished):
            state = f"the run has {asked} of {seeds} seeds" if more else "the run is unfinished"
            raise SettingError(Problem("", f"{state}; continue with --resume, or choose another --out", str(folder)))
        if more:
            found.update(seeds=list(range(seeds)), finished=None)
        yield found


def _check_room(folder: Path) -> None:
    """Checks free disk space before training starts."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    if free < SMALLEST_FREE_BYTES:
        raise OffpriorError(
            f"{folder}: the disk has {free / 1e6:.0f} MB free, but {SMALLEST_FREE_BYTES / 1e6:.0f} MB are needed"
        )
