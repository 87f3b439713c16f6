"""The report of a run, from its stored tables: one self-contained HTML page, figures and tables beside it. No jax."""

import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup

from offprior import catalog
from offprior.analysis.errors_of_predictors import errors
from offprior.analysis.study import probes_read, study_result
from offprior.analysis.verdict import (
    FEW_TASKS_CARRY,
    GENERALISES,
    M1_GATE,
    M3_LEAST,
    MARGIN,
    NO_PRIOR_GAP,
    SMOOTHS,
    UNDER_TRAINED,
    carry_mark,
    families_that_fail,
    is_judged,
    smoother_note,
)
from offprior.columns import IN_DISTRIBUTION, WHERE
from offprior.errors import OffpriorError
from offprior.figures.figure import Figure, ReportData
from offprior.figures.verdict_map import LOOKS, OFF, held_verdict, look_of, rate_in_words, verdict_of
from offprior.recipe import file as recipe_file
from offprior.recipe.study import Study
from offprior.report import headline, where_it_breaks, words
from offprior.report.drawing import Named, drawn
from offprior.storage.files import beside
from offprior.storage.parquet import write_parquet
from offprior.storage.run_folder import RECIPE, RunFolder

PAGE = "index.html"
REFERENCES = {"B": "bayes_nmse", "C": "combined_nmse", "S": "smoother_nmse"}
JUDGED_BY = ("M1", "M2", "B", "C", "S", "M3", "M4", "M5", "M19", "M20", "M7")
"""The columns of a table of verdicts."""
MADE_OF = ("M6", "M8", "M9_slope", "M9_amplitude", "M12", "M13")
"""The columns of the table below it: what the model's curve is made of."""
HEADS = {"M9_slope": "M9 slope", "M9_amplitude": "M9 ampl."}
TABLES = ("verdicts", "metrics", "training", "panels", "breaks")


def write_report(run_folder: str | Path | Sequence[str | Path]) -> Path:
    """Write the report of a run, or of several in one, and return the path of its page.

    A run's report is the folder `report` in it. One of several runs shows the first, with the others' models laid over
    its errors, and lies in the first's folder beside its own report.

    Raises:
        OffpriorError: a folder holds no run, or one that has not been probed, or a table that cannot be read.
    """
    return write_and_read(run_folder)[0]


def write_and_read(run_folder: str | Path | Sequence[str | Path]) -> tuple[Path, ReportData]:
    """Write a report, and return the path of its page and the tables that it was made from."""
    folders = [Path(run_folder)] if isinstance(run_folder, str | Path) else [Path(folder) for folder in run_folder]
    if not folders:
        raise OffpriorError("report: no run was given; offprior list runs")
    runs = [read_run(folder) for folder in folders]
    if len({run.label for run in runs}) < len(runs):
        runs = [dataclasses.replace(run, label=str(folder)) for run, folder in zip(runs, folders, strict=True)]
    data = dataclasses.replace(runs[0], others=tuple(runs[1:]))
    name = "-".join(["report", *(["with"] if data.others else []), *(slug(other.label) for other in data.others)])
    recipe = (folders[0] / RECIPE).read_text(encoding="utf-8")
    return write_page(data, folders[0] / name, recipe), data


def read_run(folder: Path) -> ReportData:
    """A run's stored tables, those that it has; it must have been probed.

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
    if study.along == "places":
        return ReportData(study=result, **tables)  # a place's own report is that of its folder
    last = run.evaluation(place=[len(result.at_length) - 1])
    return ReportData.from_evaluation(last, study=result, **tables)


def write_page(data: ReportData, folder: Path, recipe: str = "") -> Path:
    """Write the page, its figures and its tables; the folder appears whole, in the place of an older one."""
    with beside(folder) as partial:
        figures, absent = _figures(data, partial / "figures")
        tables = _tables(data, partial / "tables")
        page = _page(data, figures, absent, tables, recipe)
        (partial / PAGE).write_text(page, encoding="utf-8", errors="backslashreplace")  # a path may be no text
    return folder / PAGE


def slug(text: str) -> str:
    """A name for a file, and an id in a page."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _or_empty(read: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        return read()
    except OffpriorError:
        return pd.DataFrame()


def _figures(data: ReportData, folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Every figure of the catalogue that has something to show; of the others, what they would have been."""
    kinds: list[tuple[int, str, Figure]] = []
    for name in catalog.names("figures"):
        figure = catalog.find("figures", name)()
        kinds.append((figure.place, name, figure))
    asked = [
        (name, Named(slug(f"{name} {added}"), figure))
        for _, name, kind in sorted(kinds, key=lambda entry: entry[:2])
        if kind.belongs_to(data)
        for added, figure in kind.variants(data).items()
    ]
    found, absent = [], []
    for (name, (stem, figure)), svg in zip(asked, drawn([each for _, each in asked], data, folder), strict=True):
        if svg is None:
            absent.append(figure.caption)
            continue
        body = (type(figure).__doc__ or "").strip().partition("\n")[2]
        # What holds for every figure of a kind is said once.
        more = "" if any(entry["kind"] == name for entry in found) else " ".join(body.split())
        # Our own drawing, its texts escaped by matplotlib.
        found.append({"name": stem, "kind": name, "svg": Markup(svg), "caption": figure.caption, "more": more})
    return found, absent


def _tables(data: ReportData, folder: Path) -> list[str]:
    written = []
    found: dict[str, pd.DataFrame] = {name: getattr(data, name) for name in TABLES}
    if data.study is not None:
        found |= {"study": data.study.curve, "study-seeds": data.study.seeds, "train-test": data.study.matrix}
    for name, rows in found.items():
        if not rows.empty:
            write_parquet(folder / f"{name}.parquet", rows)
            rows.to_csv(folder / f"{name}.csv", index=False)
            written.append(name)
    return written


def _page(data: ReportData, figures: list[dict[str, Any]], absent: list[str], tables: list[str], recipe: str) -> str:
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": words.number, "when": words.when}
    return environment.get_template("template.html.j2").render(
        title=data.recipe.get("title") or data.label or "offprior",
        data=data,
        manifest=data.manifest,
        recipe=data.recipe,
        recipe_yaml=recipe,
        summary=_summary(data),
        has_run=not data.metrics.empty,
        is_judged=is_judged(data.metrics),
        study=_study_rows(data),
        errors=[] if data.metrics.empty or is_judged(data.metrics) else _error_tables(data),
        gate=words.gate(data),
        further_gates=words.further_gates(data),
        intervals=words.intervals_are_over(data) if not data.metrics.empty else "",
        shares=words.shares(data),
        floor=words.noise_floor(data),
        unverified=data.manifest.get("unverified") or data.recipe.get("unverified") or [],
        figures=figures,
        absent=absent,
        tables=tables,
        breaks=where_it_breaks.breaks(data),
        verdicts=[_verdict_table(data, probe) for probe in data.probes if probe != IN_DISTRIBUTION],
        tags=[{"kind": slug(name), "fill": fill, "ink": ink} for name, (_, fill, ink) in LOOKS.items()],
        rate=rate_in_words(data.metrics),
        columns={"judged": JUDGED_BY, "heads": HEADS},
        limits={"gate": M1_GATE, "gap": M3_LEAST, "margin": MARGIN},
    )


def _summary(data: ReportData) -> str:
    if not data.breaks.empty:
        return where_it_breaks.breaking_summary(data, str(data.manifest.get("judged") or ""))
    return headline.study_summary(data) if data.metrics.empty and data.study else headline.summary(data)


def _study_rows(data: ReportData) -> list[dict[str, str]]:
    if data.study is None:
        return []
    return [
        {
            "label": str(row["label"]),
            "value": words.number(row["value"]),
            "interval": words.between(row["low"], row["high"]),
            "over": f"{row['seeds']} training seeds and tasks" if row["seeds"] > 1 else "tasks",
        }
        for row in data.study.at_length.to_dict("records")
    ]


def _error_tables(data: ReportData) -> list[dict[str, Any]]:
    """Tables of errors of the model and of other predictors, for a mixture without a Bayes predictor."""
    found = []
    for probe, rows in errors(data.evaluation).groupby("probe", sort=False):
        lengths = sorted(rows["length"].unique())
        table = []
        for (strength, predictor), cells in rows.groupby(["strength", "predictor"], sort=False):
            of_length = {cell["length"]: cell for cell in cells.to_dict("records")}
            shown = [of_length.get(length, {}) for length in lengths]
            values = [words.number(cell.get("value")) for cell in shown]
            ends = [words.between(cell.get("low"), cell.get("high")) for cell in shown]
            row = {"strength": f"{strength:.3g}", "predictor": predictor}
            table.append({**row, "cells": list(zip(values, ends, strict=True))})
        found.append({"probe": probe, "lengths": lengths, "rows": table})
    return found


def _verdict_table(data: ReportData, probe: str) -> dict[str, Any]:
    """A probe's verdicts: of all queries, then of those between the context's points and beyond them."""
    cells = data.cells(probe).to_dict("records")
    parts = [
        {"placement": WHERE[placement], "counts": _counts(found), "rows": [_verdict_row(cell) for cell in found]}
        for placement in data.placements
        if (found := data.cells(probe, placement).to_dict("records"))
    ]
    made_of = [name for name in MADE_OF if any(np.isfinite(cell.get(name, np.nan)) for cell in cells)]
    return {
        "probe": probe,
        "coordinate": str(cells[0]["coordinate"]) or "place",
        "counts": parts[0]["counts"],
        "note": "; ".join(sorted({str(cell["provisional"]) for cell in cells if cell.get("provisional")})),
        "parts": parts,
        "made_of": made_of,
    }


def _counts(cells: list[dict[Any, Any]]) -> str:
    counts = pd.Series([held_verdict(cell) for cell in cells]).value_counts()
    return ", ".join(f"{counts[name]} {name}" for name in LOOKS if name in counts)


def _verdict_row(cell: Mapping[Any, Any]) -> dict[str, str]:
    verdict, look = verdict_of(cell["verdict"]), look_of(cell)
    judged = verdict != NO_PRIOR_GAP
    notes = [f"{name} misses M1" for name in families_that_fail(cell)] if verdict == UNDER_TRAINED else []
    notes += [f"off B by {words.number(cell.get('bayes_distance'))}"] if look == OFF else []
    notes += [FEW_TASKS_CARRY] if carry_mark(cell) else []
    notes += [note] if verdict in (GENERALISES, SMOOTHS) and (note := smoother_note(cell)) else []
    held = held_verdict(cell)
    notes += [f"{held}, all cells counted"] if held != verdict else []
    row = {
        "strength": f"{cell['strength']:.3g}",
        "length": f"{cell['length']:g}",
        "verdict": verdict,
        "note": "; ".join(notes),
        "kind": slug(look),
    }
    for name, column in REFERENCES.items():
        row[name] = words.number(cell.get(column))
    for name in (*JUDGED_BY, *MADE_OF):
        if name in REFERENCES:
            continue
        # Without a prior gap there is nothing to divide by or to gain: M1 and M2 only.
        is_shown = judged or name in ("M1", "M2")
        row[name] = words.number(cell.get(name)) if is_shown else ""
        row[f"{name} interval"] = words.bounds(cell, name) if is_shown else ""
    return row
