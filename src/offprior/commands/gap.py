"""`offprior gap`: how far models or a predictor are from Bayes on the prompts of their own prior."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table as Grid

from offprior.adapters.declared import Declared
from offprior.analysis.failures import failures_of
from offprior.commands.named_predictor import named_predictor
from offprior.commands.stored_run import Run
from offprior.console.output import Console
from offprior.errors import Problem, SettingError
from offprior.recipe.recipe import read
from offprior.storage.files import locked
from offprior.storage.run_folder import MANIFEST, RUNS, folder_name, write_text

FILE = "gap.csv"


def gap(
    what: str | Path,
    *,
    recipe: str | None = None,
    out: str | Path | None = None,
    lengths: Sequence[int] = (),
    tasks: int = 0,
    declared: Declared | None = None,
    progress: bool = True,
) -> Path:
    """Measures M1 by context length and family on the prior of a run's models, or of a predictor.

    Args:
        what: a run's folder, the name of a predictor, or its address.
        recipe: the recipe whose mixture is the predictor's prior; a run has its own.
        out: the folder to write `gap.csv` to; the run's folder, or ``runs/gap-PREDICTOR``, if None.
        lengths: context lengths, in pairs; the recipe's if empty.
        tasks: test prompts per context length; the recipe's number if 0.
        declared: what the user says about a predictor at an address.
        progress: whether to print progress and results.

    Returns:
        The file that was written.

    Raises:
        OffpriorError: no recipe says what the predictor's prior is; the run is not pretrained; there is no such
            predictor; the mixture has no exact posterior.
    """
    from offprior.console.progress import Silence, progress_report
    from offprior.evaluation.gap import LENGTHS, TASKS
    from offprior.evaluation.gap import gap as measured

    if (Path(what) / MANIFEST).is_file():
        if recipe is not None:
            raise SettingError(Problem("--recipe", "a run has its own recipe; leave out --recipe", str(what)))
        run = Run(what)
        if run.recipe.study is not None:
            raise SettingError(
                Problem("", f"a study has one run per place; name one, as in {what}/place-00", str(what))
            )
        chosen, judged, folder = run.recipe, run.models(), run.folder
    else:
        if recipe is None:
            why = "it says what the predictor was pretrained on; name a recipe (offprior list recipes) or a file"
            raise SettingError(Problem("--recipe", why, str(what)))
        chosen = read(recipe)
        judged = [named_predictor(str(what), chosen.mixture, declared)]
        folder = RUNS / f"gap-{folder_name(str(what))}"
    folder = Path(out) if out is not None else folder
    with locked(folder):
        found = measured(
            judged,
            chosen.mixture,
            tuple(lengths) or chosen.evaluation.lengths or LENGTHS,
            tasks=tasks or chosen.evaluation.tasks or TASKS,
            queries=chosen.evaluation.queries,
            seed=chosen.evaluation.seed,
            progress=progress_report() if progress else Silence(),
        )
        file = folder / FILE
        write_text(file, found.to_csv(index=False))
    name = chosen.name if judged[0].label == "model" else judged[0].label
    print_gap(found, name, chosen.name, Console(quiet=not progress))
    for line in (line for one in judged for line in failures_of(one)):
        Console(quiet=not progress).print(line, soft_wrap=True)
    Console(quiet=not progress).print(f"written: {file}", soft_wrap=True)
    return file


def print_gap(found: Any, name: str, prior: str, console: Console) -> None:
    """Prints one row per context length and family: M1 and both errors.

    Args:
        found: the result of `offprior.evaluation.gap.gap` for one predictor.
        name: the predictor's name.
        prior: the name of the recipe whose mixture is the prior.
        console: where to print.
    """
    from offprior.analysis.verdict import M1_GATE
    from offprior.columns import wording
    from offprior.report.words import interval, number

    words = wording(found["unit"].iloc[0])
    style: Any = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "show_edge": False, "title_style": "bold"}
    table = Grid(title=f"{name}: distance from Bayes on its own prior, {prior}", **style)
    for heading in (words.of, "family", f"M1, at most {M1_GATE:g}?", "95% interval", words.short, "B", "prompts"):
        table.add_column(heading, justify="left" if heading == "family" else "right")
    for row in found.to_dict("records"):
        passes = "yes" if row["passes"] else "no" if row["M1"] == row["M1"] else "unknown"
        ends = interval(row, "M1").partition(" ")[2]
        error = (number(row["error"]), number(row["bayes_error"]))
        table.add_row(
            f"{row['length']}", row["family"], f"{number(row['M1'])} {passes}", ends, *error, f"{row['tasks']}"
        )
    console.print(table)
    first = found.iloc[0]
    notes = [f"95% intervals over {first['interval_over']}", first["provisional"]]
    notes += [f"{lost} prompts not answered, and left out"] if (lost := int(found["failed"].sum())) else []
    console.print("; ".join(filter(None, notes)), style="italic", soft_wrap=True)
