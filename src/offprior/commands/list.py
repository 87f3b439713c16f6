"""`offprior list`: the available parts, recipes and runs."""

import importlib.util
from pathlib import Path

from rich.table import Table
from rich.text import Text

from offprior import catalog
from offprior.adapters.addresses import adapter, schemes
from offprior.console.output import Console
from offprior.errors import OffpriorError
from offprior.recipe import file as recipe_file

SORTS = (*(folder.replace("_", "-") for folder in catalog.PART_FOLDERS), "recipes", "runs")


def print_list(what: str | None = None, console: Console | None = None) -> None:
    """Prints names and captions of one sort of thing, or of all."""
    console = console or Console()
    catalog.warn_of_unknown_groups()
    for sort in [what] if what else SORTS:
        rows = _rows(sort)
        table = Table(title=sort, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=False)
        table.add_column(no_wrap=True, style="cyan")
        table.add_column(overflow="fold")
        for name, caption in rows:
            table.add_row(name, caption)
        if sort == "predictors":
            _add_addresses(table)
        console.print(table if rows else Text.assemble((str(sort), "bold"), "\nnone yet"))
        console.print()


def _add_addresses(table: Table) -> None:
    """Adds the kinds of addresses, each with its example and what to install for it."""
    for scheme in schemes():
        module = adapter(scheme)
        missing = any(importlib.util.find_spec(name) is None for name in module.NEEDS)
        install = f" ({'not installed: ' if missing else ''}{module.INSTALL})" if module.INSTALL else ""
        table.add_row(module.EXAMPLE, module.CAPTION + install)


def _rows(sort: str | None) -> list[tuple[str, str]]:
    if sort == "recipes":
        return [(name, _title(name)) for name in recipe_file.names()]
    if sort == "runs":
        from offprior.storage import run_folder

        return [(str(folder), _state(folder)) for folder in run_folder.all_runs()]
    folder = str(sort).replace("-", "_")
    return [(name, catalog.caption(folder, name)) for name in catalog.names(folder)]


def _title(name: str) -> str:
    try:
        raw = recipe_file.read_mapping(*recipe_file.locate(name))
    except OffpriorError as error:  # a recipe of another package may be broken
        return f"broken: {error}"
    return f"{raw.get('title', '')} ({raw['paper']})" if raw.get("paper") else str(raw.get("title", ""))


def _state(folder: Path) -> str:
    from offprior.storage import run_folder

    try:
        run = run_folder.RunFolder(folder)
    except OffpriorError as error:
        return str(error)
    seeds = len(run.manifest.get("seeds", []))
    state = f"finished {run.manifest['finished']}" if run.finished else "unfinished; continue with --resume"
    return f"{run.manifest.get('recipe', '')}, {seeds} {'seed' if seeds == 1 else 'seeds'}, {state}"
