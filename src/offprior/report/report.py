"""The report of a run from its stored tables: one self-contained HTML page, with figures and tables; no jax."""

import dataclasses
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from offprior.analysis.failures import failures_in_words
from offprior.analysis.study import probes_read, study_result
from offprior.analysis.verdict import M1_GATE, M3_LEAST, MARGIN, is_judged
from offprior.columns import IN_DISTRIBUTION, MODEL
from offprior.errors import OffpriorError
from offprior.figures.figure import ReportData
from offprior.figures.verdict_map import LOOKS, rate_in_words
from offprior.recipe import file as recipe_file
from offprior.recipe.study import Study
from offprior.report import headline, tables, where_it_breaks, words
from offprior.report.citation import papers
from offprior.report.drawing import Named, Undrawn, drawn
from offprior.report.figures_of_run import figures_of, left_out
from offprior.report.latex import verdict_table
from offprior.report.names import slug
from offprior.report.probe_cards import cards, sentence
from offprior.storage.files import beside
from offprior.storage.parquet import write_parquet
from offprior.storage.run_folder import RECIPE, RunFolder

PAGE, PAPER = "index.html", "paper"
TABLES = ("verdicts", "metrics", "training", "panels", "breaks")


def write_report(run_folder: str | Path | Sequence[str | Path]) -> Path:
    """Writes the report of a run, or one report of several runs, and returns the path of its page.

    A run's report is the folder `report` in the run's folder. A report of several runs shows the first run with the
    errors of the others' models in the same figures; its folder is next to the first run's own report.

    Args:
        run_folder: the folder of a run, or a list of folders.

    Raises:
        OffpriorError: a folder holds no run, a run has not been probed, or a table cannot be read.
    """
    return write_and_read(run_folder)[0]


def write_and_read(run_folder: str | Path | Sequence[str | Path]) -> tuple[Path, ReportData]:
    """Writes a report as `write_report` does; returns the path of its page and the tables that it shows."""
    data, folder = read_runs(run_folder)
    recipe = (folder.parent / RECIPE).read_text(encoding="utf-8")
    return write_page(data, folder, recipe), data


def read_runs(run_folder: str | Path | Sequence[str | Path]) -> tuple[ReportData, Path]:
    """Reads the stored tables of the first run, with those of the others in `others`; also returns the report's folder.

    Raises:
        OffpriorError: as for `write_report`.
    """
    folders = [Path(run_folder)] if isinstance(run_folder, str | Path) else [Path(folder) for folder in run_folder]
    if not folders:
        raise OffpriorError("report: no run was given; offprior list runs shows them")
    runs = [read_run(folder) for folder in folders]
    if len({run.label for run in runs}) < len(runs):
        runs = [dataclasses.replace(run, label=str(folder)) for run, folder in zip(runs, folders, strict=True)]
    data = dataclasses.replace(runs[0], others=tuple(runs[1:]))
    name = "-".join(["report", *(["with"] if data.others else []), *(slug(other.label) for other in data.others)])
    return data, folders[0] / name


def read_run(folder: Path) -> ReportData:
    """Reads the stored tables of a probed run.

    Raises:
        OffpriorError: there is no run, or it has not been probed.
    """
    run = RunFolder(folder)
    recipe = recipe_file.read_mapping(folder / RECIPE, str(folder / RECIPE))
    tables: dict[str, Any] = {
        "label": folder.resolve().name,
        "training": _or_empty(run.training),
        "panels": _or_empty(run.panels),
        "manifest": run.manifest,
        "recipe": recipe,
    }
    if "study" not in recipe:
        return ReportData.from_evaluation(run.evaluation(), **tables)
    study = Study.model_validate(recipe["study"])
    result = study_result(run.evaluation(probe=probes_read(study)), study)
    if study.along != "training":
        # Each place has a report in its own folder.
        return ReportData(study=result, trajectory=_or_empty(run.trajectory), **tables)
    last = run.evaluation(place=[len(result.at_length) - 1])
    return ReportData.from_evaluation(last, study=result, **tables)


def write_page(data: ReportData, folder: Path, recipe: str = "") -> Path:
    """Writes the page, its figures and its tables; an older report is replaced once the new one is complete.

    Args:
        data: the tables.
        folder: the report's folder.
        recipe: the recipe as YAML, shown on the page.

    Returns:
        The path of the page.
    """
    with beside(folder) as partial:
        figures, absent = _figures(data, partial / "figures")
        page = _page(data, figures, absent, _tables(data, partial / "tables"), recipe)
        (partial / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")  # paths may be undecodable
        if (folder / PAPER).is_dir():  # files made for a paper were requested, and are kept
            shutil.copytree(folder / PAPER, partial / PAPER)
    return folder / PAGE


def _or_empty(read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        return read()
    except OffpriorError:
        return pd.DataFrame()


def _figures(data: ReportData, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Draws every figure of the catalogue that has something to show; also returns the captions of the others."""
    asked = [(kind, Named(slug(f"{kind} {added}"), figure)) for kind, added, figure in figures_of(data)]
    found, absent = [], []
    for (name, (stem, figure, *_)), svg in zip(asked, drawn([each for _, each in asked], data, folder), strict=True):
        if svg is None:
            absent.append(figure.caption)
            continue
        if isinstance(svg, Undrawn):
            warnings.warn(left_out(name, svg), stacklevel=2)
            continue
        body = (type(figure).__doc__ or "").strip().partition("\n")[2]
        # The explanation of a class of figures appears only once.
        more = "" if any(entry["kind"] == name for entry in found) else " ".join(body.split())
        # The SVG is safe: the package drew it, and matplotlib escaped its text.
        found.append({"name": stem, "kind": name, "svg": Markup(svg), "caption": figure.caption, "more": more})
    return found, absent


def _tables(data: ReportData, folder: Path) -> list[str]:
    written = []
    found: dict[str, pd.DataFrame] = {name: getattr(data, name) for name in TABLES}
    if data.study is not None:
        found |= {"study": data.study.curve, "study-seeds": data.study.seeds, "train-test": data.study.matrix}
        found |= {"study-distances": data.study.distances, "training-map": data.trajectory}
    for name, rows in found.items():
        if not rows.empty:
            write_parquet(folder / f"{name}.parquet", rows)
            rows.to_csv(folder / f"{name}.csv", index=False)
            written.append(name)
    for probe in _judged(data):
        (folder / f"verdicts-{slug(probe)}.tex").write_text(verdict_table(data.cells(probe)), encoding="utf-8")
    return written


def _judged(data: ReportData) -> list[str]:
    """Returns the probes with verdicts."""
    return [probe for probe in data.probes if probe != IN_DISTRIBUTION] if is_judged(data.metrics) else []


def _page(data: ReportData, figures: list[dict[str, Any]], absent: list[str], written: list[str], recipe: str) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": words.number, "when": words.when, "slug": slug}
    return environment.get_template("template.html.j2").render(
        title=data.recipe.get("title") or data.label or "offprior",
        data=data,
        wording=data.wording,
        manifest=data.manifest,
        recipe=data.recipe,
        who=data.judged or "model",
        recipe_yaml=recipe,
        summary=_summary(data),
        has_run=not data.metrics.empty,
        is_judged=is_judged(data.metrics),
        study=tables.study_rows(data),
        errors=[] if data.metrics.empty else tables.error_tables(data),
        gate=words.gate(data),
        failures=failures_in_words(data.evaluation, MODEL, str(data.manifest.get("judged") or "the model")),
        further_gates=words.further_gates(data),
        intervals=words.intervals_are_over(data) if not data.metrics.empty else "",
        shares=words.shares(data),
        floor=words.noise_floor(data),
        unverified=data.manifest.get("unverified") or data.recipe.get("unverified") or [],
        figures=figures,
        absent=absent,
        tables=written,
        latex=_judged(data),
        cards=cards(data),
        papers=papers(data.recipe),
        breaks=where_it_breaks.breaks(data),
        verdicts=[
            {**tables.verdict_table(data, probe), "sentence": sentence(probe)}
            for probe in data.probes
            if probe != IN_DISTRIBUTION
        ],
        tags=[{"kind": slug(name), "fill": fill, "ink": ink} for name, (_, fill, ink) in LOOKS.items()],
        rate=rate_in_words(data.metrics),
        columns={"judged": tables.judged_by(data), "heads": tables.HEADS},
        limits={"gate": M1_GATE, "gap": M3_LEAST, "margin": MARGIN},
    )


def _summary(data: ReportData) -> str:
    if not data.breaks.empty:
        return where_it_breaks.breaking_summary(data, str(data.manifest.get("judged") or ""))
    return headline.study_summary(data) if data.metrics.empty and data.study else headline.summary(data)
