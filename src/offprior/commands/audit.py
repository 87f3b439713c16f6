"""`offprior audit`: whether models or a predictor are consistent with Bayesian inference under any prior."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table as Grid

from offprior.adapters.declared import Declared
from offprior.analysis.audit import Audit
from offprior.analysis.failures import failures_of
from offprior.commands.atlas import MIXTURE_OF
from offprior.commands.named_predictor import named_predictor
from offprior.commands.stored_run import Run
from offprior.console.output import Console
from offprior.errors import Problem, SettingError
from offprior.recipe.recipe import read
from offprior.storage.files import locked
from offprior.storage.run_folder import ABOUT, MANIFEST, RUNS, folder_name, machine, now, versions, write_text

AUDIT = "audit"
"""The subfolder of a run that `offprior audit` writes to."""


def audit(
    what: str | Path,
    *,
    recipe: str | None = None,
    out: str | Path | None = None,
    prompts: int = 0,
    lengths: Sequence[int] = (),
    declared: Declared | None = None,
    progress: bool = True,
) -> Path:
    """Audits a run's models, every training seed, or a predictor.

    Prompts are drawn from the run's own mixture, or from that of `recipe`. The folder contains ``audit.csv``, with one
    row per training seed, measure and context length, and ``about.json``.

    Args:
        what: a run's folder, the name of a predictor, or its address.
        recipe: the recipe from whose mixture prompts are drawn; for a predictor, `mueller-2023` if None.
        out: the folder to write to; ``RUN/audit`` or ``runs/audit-PREDICTOR`` if None.
        prompts: the number of prompts; 0 for the default.
        lengths: context lengths; those of the audit's default that the predictor takes if empty.
        declared: what the user says about a predictor at an address.
        progress: whether to print progress and results.

    Returns:
        The folder of the result.

    Raises:
        OffpriorError: `what` is neither a run nor a predictor; the run is not pretrained, or a study; another process
            is working in the folder; a setting is out of range.
    """
    from offprior.console.progress import Silence, progress_report
    from offprior.evaluation.audit import DRAWS, LENGTHS, PROMPTS
    from offprior.evaluation.audit import audit as measured

    console = Console(quiet=not progress)
    if (Path(what) / MANIFEST).is_file():
        run = Run(what)
        if run.recipe.study is not None:
            raise SettingError(
                Problem("", f"a study has one run per place; audit one, as in {what}/place-00", str(what))
            )
        chosen = run.recipe if recipe is None else read(recipe)
        judged, folder = run.models(), run.folder / AUDIT
    else:
        chosen = read(recipe or MIXTURE_OF)
        judged = [named_predictor(str(what), chosen.mixture, declared)]
        folder = RUNS / f"{AUDIT}-{folder_name(str(what))}"
    folder = Path(out) if out is not None else folder
    settings = {"prompts": prompts or PROMPTS, "draws": DRAWS, "lengths": list(lengths or LENGTHS)}
    with locked(folder):
        about = {"what": str(what), "recipe": chosen.name, **settings, "versions": versions(), "machine": machine()}
        about["started"] = now()
        found = measured(judged, chosen.mixture, **settings, progress=progress_report() if progress else Silence())
        write_text(folder / "audit.csv", found.rows.to_csv(index=False))
        about |= {"seeds": sorted(set(found.rows["seed"])), "result": found.sentence, "finished": now()}
        write_text(folder / ABOUT, json.dumps(about, indent=2, default=int) + "\n")
    print_audit(found, settings["prompts"], console)
    for one in judged:
        for line in failures_of(one):
            console.print(line, soft_wrap=True)
    console.print(f"The table: {folder / 'audit.csv'}", soft_wrap=True)
    return folder


def print_audit(found: Audit, prompts: int, console: Console) -> None:
    """Prints one row per training seed, measure and context length, and the overall result."""
    caption = f"{prompts} prompts; 95% intervals of single rows; verdicts are at 5% for all rows together (Holm)"
    grid = Grid(
        title=f"Audit of {found.label}",
        caption=caption,
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
        title_style="bold",
    )
    has_seeds = found.rows["seed"].nunique() > 1
    if has_seeds:
        grid.add_column("seed", justify="right")
    grid.add_column("measure")
    for name in ("pairs", "estimate", "95% interval"):
        grid.add_column(name, justify="right")
    grid.add_column("verdict")
    for row in found.rows.to_dict("records"):
        cells = [str(row["seed"])] if has_seeds else []
        interval = f"{row['low']:.2g} to {row['high']:.2g}"
        grid.add_row(*cells, row["measure"], str(row["length"]), f"{row['estimate']:.2g}", interval, row["verdict"])
    console.print(grid)
    console.print(found.sentence, soft_wrap=True)
