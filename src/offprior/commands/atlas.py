"""`offprior atlas`: tests models or a predictor on every probe that applies, and finds where they break first."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table as Grid

from offprior import catalog
from offprior.adapters.addresses import is_address
from offprior.adapters.declared import Declared
from offprior.commands.named_predictor import named_predictor
from offprior.commands.stored_run import Run
from offprior.console.output import Console
from offprior.errors import Problem, SettingError, choose_from
from offprior.recipe.parts import plain
from offprior.recipe.recipe import read
from offprior.storage.files import locked
from offprior.storage.run_folder import (
    ABOUT,
    ATLAS,
    EVALUATION,
    MANIFEST,
    RUNS,
    folder_name,
    machine,
    now,
    versions,
    write_text,
)
from offprior.table import Table as Evaluated

MIXTURE_OF = "mueller-2023"
"""The recipe whose mixture is used for predictors that have none of their own."""


def atlas(
    what: str | Path,
    *,
    recipe: str | None = None,
    pretrained_on: str | None = None,
    out: str | Path | None = None,
    tasks: int = 0,
    probes: Sequence[str] = (),
    declared: Declared | None = None,
    progress: bool = True,
) -> Path:
    """Tests a run's models, or a predictor of the catalogue, on every probe that applies.

    A run is probed outside its own mixture, a predictor outside the mixture of `recipe`. A predictor at an address has
    no known prior, and hence no B, unless `pretrained_on` names it: the mixture is then one for reference. The
    classical predictors that apply are evaluated too. The folder contains ``evaluation.parquet``, ``breaks.csv`` (where
    the predictor breaks first) and a report. M1 comes from the run's own evaluation if it has one.

    Args:
        what: a run's folder, the name of a predictor, or its address, as in `sklearn:KNeighborsRegressor`.
        recipe: the recipe whose mixture a predictor is probed outside of; `mueller-2023` if None.
        pretrained_on: the recipe whose mixture a predictor was pretrained on, instead of `recipe`.
        out: the folder to write to; ``RUN/atlas`` or ``runs/atlas-PREDICTOR`` if None.
        tasks: test prompts per cell; 0 for the atlas's default.
        probes: names of probes; all that apply if empty.
        declared: what the user says about a predictor at an address.
        progress: whether to print progress and results.

    Returns:
        The folder of the result.

    Raises:
        OffpriorError: a probe's name is unknown, or none of the named probes applies; `what` is neither a run nor a
            predictor; the run is not pretrained; another process is working in the folder.
    """
    from offprior.console.progress import Silence, progress_report
    from offprior.evaluation.approximation import approximations
    from offprior.evaluation.atlas import LENGTHS, TASKS, applicable
    from offprior.evaluation.atlas import atlas as table_of
    from offprior.evaluation.comparison_panel import panel

    console = Console(quiet=not progress)
    names = catalog.names("probes")
    wrong = [
        Problem("--probes", f"unknown probe {name!r}; {choose_from(name, names)}")
        for name in probes
        if name not in names
    ]
    if wrong:
        raise SettingError(wrong)
    if recipe is not None and pretrained_on is not None:
        raise SettingError(Problem("--pretrained-on", "it takes the place of --recipe; give one of them"))
    if (Path(what) / MANIFEST).is_file():
        if pretrained_on is not None:
            raise SettingError(Problem("--pretrained-on", "a run has its own recipe; leave it out", str(what)))
        if recipe is not None:
            raise SettingError(Problem("--recipe", "a run has its own recipe; leave out --recipe", str(what)))
        run = Run(what)
        mixture, judged, text = run.recipe.mixture, run.models(), run.recipe.to_yaml()
        folder, lengths, about = run.folder / ATLAS, run.recipe.evaluation.lengths, {**run.manifest, "started": now()}
        label, prior_known = "model", True
        # M1 is taken from the run itself, which has more tasks per cell than the atlas.
        gate = run.evaluation() if run.recipe.study is None and (run.folder / EVALUATION).is_file() else None
    else:
        chosen = read(pretrained_on or recipe or MIXTURE_OF)
        mixture, judged, text = chosen.mixture, [named_predictor(str(what), chosen.mixture, declared)], chosen.to_yaml()
        folder, lengths = RUNS / f"{ATLAS}-{folder_name(str(what))}", chosen.evaluation.lengths or LENGTHS
        about = {"recipe": chosen.name, "seeds": [], "versions": versions(), "machine": machine(), "started": now()}
        label, gate = judged[0].label, None
        about |= {"predictor": label, "mixture": plain(mixture)}
        prior_known = pretrained_on is not None or not _is_of_unknown_prior(str(what), judged[0], chosen.mixture)
    folder = Path(out) if out is not None else folder
    beside = [one for one in panel(mixture) if one.label not in {each.label for each in judged}]
    found = applicable(mixture, probes)
    if probes and not found.probes:
        reasons = "; ".join(f"{name}: {why}" for name, why in found.left_out.items()) or "they are always evaluated"
        raise SettingError(Problem("--probes", f"none of the named probes applies ({reasons})"))
    with locked(folder):
        with approximations() as approximate:
            table = table_of(
                [*judged, *beside],
                mixture,
                lengths,
                probes=found.probes,
                known=None if gate is None else Evaluated(gate),
                tasks=tasks or TASKS,
                progress=progress_report() if progress else Silence(),
            )
        about["approximate"] = approximate
        about["left_out"] = found.left_out
        about["prior_known"] = prior_known
        about["trained"] = prior_known and any(each.trained for each in judged)
        _write(folder, table, label, text, about, gate, console)
    return folder


def _is_of_unknown_prior(what: str, predictor: Any, mixture: Any) -> bool:
    """Whether nobody said what a predictor at an address was pretrained on: it has no mixture, or another one."""
    import equinox as eqx

    own = getattr(predictor, "mixture", None)
    return is_address(what) and (own is None or not bool(eqx.tree_equal(own, mixture)))


def _write(
    folder: Path, table: Any, label: str, recipe: str, about: dict[str, Any], gate: Any, console: Console
) -> None:
    from offprior.analysis.breaks import breaks
    from offprior.analysis.failures import failures_in_words
    from offprior.figures.figure import ReportData
    from offprior.recipe import file as recipe_file
    from offprior.report.report import write_page

    table.save(folder / "evaluation.parquet")
    write_text(folder / ABOUT, json.dumps({**about, "finished": now()}, indent=2) + "\n")
    rows = table.to_pandas()
    # Metrics and figures are those of the predictor called "model".
    rows["predictor"] = rows["predictor"].replace({label: "model"})
    mapping = recipe_file.parse(recipe, str(folder))
    mapping["title"] = f"Where {label if label != 'model' else mapping['name']} breaks first: every probe that applies"
    named = {**about, "judged": label if label != "model" else mapping["name"]}
    data = ReportData.from_evaluation(
        rows, gate=gate, prior_known=about["prior_known"], label=folder.name, manifest=named, recipe=mapping
    )
    found = breaks(data.metrics, trained=about["trained"])
    write_text(folder / "breaks.csv", found.to_csv(index=False))
    data = dataclasses.replace(data, breaks=found)
    page = write_page(data, folder / "report", recipe)
    _print(data, label, console)
    for line in failures_in_words(rows, "model", label):
        console.print(line, soft_wrap=True)
    for name, why in about["left_out"].items():
        console.print(f"left out: {name}: {why}", soft_wrap=True)
    console.print(f"The report: {page}", soft_wrap=True)


def _print(data: Any, label: str, console: Console) -> None:
    """Prints where a predictor breaks first: one row per probe, those that hold last."""
    from offprior.report.where_it_breaks import breaking_summary, breaks

    style: Any = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "show_edge": False, "title_style": "bold"}
    words = data.wording
    outside = f"outside: surprise above the mixture's own, nats per {words.of.removesuffix('s')}"
    caption = f"{words.short}; {outside}; no rank: holds or undecided, worst place"
    columns = {"outside": "outside", "model": label, "B": "B", "C": "C", "S": "S"}
    if not data.prior_known:
        columns = {"outside": "outside", "model": label, "panel": "best of the panel", "B": "Bayes, reference"}
    table = Grid(title=f"Where {label} breaks first", caption=caption, **style)
    for name in ("", "probe", "at"):
        table.add_column(name, overflow="fold")
    for name in columns.values():
        table.add_column(name, justify="right", overflow="fold")
    table.add_column("fault" if data.prior_known else "result", overflow="fold")
    for row in breaks(data):
        numbers = (row[name].partition(" [")[0] for name in columns)
        table.add_row(row["rank"], row["probe"], row["place"], *numbers, row["fault"])
    console.print(table)
    console.print(breaking_summary(data, label if label != "model" else ""))
