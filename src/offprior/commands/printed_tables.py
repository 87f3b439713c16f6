"""Tables that commands print when they end: verdicts, errors, studies."""

from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from offprior.console.output import Console

if TYPE_CHECKING:
    from offprior.columns import Wording

# With this padding, four verdicts per row fit a terminal of eighty characters.
STYLE: Any = {"box": box.SIMPLE_HEAD, "padding": (0, 1, 0, 0), "show_edge": False, "title_style": "bold"}


def print_verdicts(verdicts: Any, console: Console | None = None) -> None:
    """Prints one table per probe and placement: one row per coordinate, one column per context length, with M5 and M20.

    Queries between the context's points and beyond them have tables of their own if a verdict there says something
    about a gain.
    """
    from offprior.analysis.intervals import LEVEL
    from offprior.analysis.verdict import CARRY_MARK, FEW_TASKS_CARRY, NOT_JUDGED, UNDECIDED, carry_mark
    from offprior.columns import ALL, WHERE

    console = console or Console()
    for (probe, placement), rows in _in_order(verdicts):
        if "verdict_fdr" in rows:
            rows = rows.assign(verdict=rows["verdict_fdr"])
        if placement != ALL and set(rows["verdict"]) <= {*NOT_JUDGED, UNDECIDED}:
            continue
        notes = [note for note in rows["provisional"].unique() if note]
        counted = [cell for cell in rows.to_dict("records") if _counts(cell)]
        if counted:
            further = any(cell["M20"] == cell["M20"] for cell in counted)
            notes.append(
                "next to a verdict: M5, the share of the prior gap closed"
                + (" / M20, the structure index over S" if further else "")
            )
        notes.extend(_families_that_fail(rows))
        if any(carry_mark(cell) for cell in rows.to_dict("records")):
            notes.append(f"{CARRY_MARK}: {FEW_TASKS_CARRY}")
        if "verdict_fdr" in rows and set(rows["verdict"]) - {*NOT_JUDGED, UNDECIDED}:
            notes.append(f"false-discovery rate over these cells: {1 - LEVEL:.0%}")
        where = "" if placement == ALL else f", queries {WHERE[placement]}"
        table = Table(title=f"{probe}{where}", **STYLE)
        table.add_column(str(rows["coordinate"].iloc[0]), justify="right")
        lengths = sorted(rows["length"].unique())
        of = _wording(rows).of
        if (rows["strength"] == rows["length"]).all():  # the coordinate is the context length itself
            rows, lengths = rows.assign(length=0), [0]
        for length in lengths:
            table.add_column(f"{length} {of}" if length else "verdict", overflow="fold")
        for strength, cells in rows.groupby("strength"):
            by_length = {cell["length"]: _verdict(cell) for cell in cells.to_dict("records")}
            table.add_row(
                f"{strength:g}" if rows["coordinate"].iloc[0] else "",
                *(by_length.get(length, "") for length in lengths),
            )
        console.print(table)
        if notes:  # printed separately, because a caption is as narrow as its table
            console.print("; ".join(notes), style="italic")


def print_study(result: Any, console: Console | None = None) -> None:
    """Prints the measure of a study at its places, and where it crosses its threshold (`StudyResult`)."""
    console = console or Console()
    notes = [note for note in (result.crossing_in_words, *_surely(result)) if note]
    table = Table(title=f"study: {result.reads}", caption="\n".join(notes) or None, **STYLE)
    for heading in (result.study.coordinate or "place", "value", "95% interval", "over"):
        table.add_column(heading, justify="left" if heading == "over" else "right")
    for row in result.at_length.to_dict("records"):
        over = f"{row['seeds']} training seeds and tasks" if row["seeds"] > 1 else "tasks"
        ends = f"[{row['low']:.4g}, {row['high']:.4g}]" if row["low"] == row["low"] else ""
        table.add_row(str(row["label"]), f"{row['value']:.4g}", ends, over)
    console.print(table)
    for further in result.also:
        print_study(further, console)


def print_errors(errors: Any, console: Console | None = None) -> None:
    """Prints the normalised errors of all predictors if there are no verdicts, one row per coordinate and predictor."""
    console = console or Console()
    for probe, rows in errors.groupby("probe", sort=False):
        words = _wording(rows)
        caption = f"M2, the {words.error}; the mixture has no exact posterior, so there is no verdict"
        table = Table(title=str(probe), caption=caption, **STYLE)
        table.add_column(str(rows["coordinate"].iloc[0]), justify="right")
        table.add_column("predictor")
        own_length = bool((rows["strength"] == rows["length"]).all())
        lengths = [0] if own_length else sorted(rows["length"].unique())
        for length in lengths:
            table.add_column(f"{length} {words.of}" if length else "error", justify="right")
        for (strength, predictor), cells in rows.groupby(["strength", "predictor"], sort=False):
            values = {0 if own_length else cell["length"]: cell["value"] for cell in cells.to_dict("records")}
            shown = [f"{values[length]:.4g}" if length in values else "" for length in lengths]
            table.add_row(f"{strength:g}" if rows["coordinate"].iloc[0] else "", str(predictor), *shown)
        console.print(table)


def _wording(rows: Any) -> "Wording":
    from offprior.columns import wording

    return wording(rows["unit"].iloc[0] if "unit" in rows and len(rows) else None)


def _surely(result: Any) -> list[str]:
    """Returns a line about the first place whose whole interval is past the threshold; empty if there is none."""
    found = result.surely_behind
    return [] if found is None else [f"the first place whose own 95% interval is entirely past it: {found:.4g}"]


def _families_that_fail(rows: Any) -> list[str]:
    """Returns the context lengths at which each family misses the gate of M1, so that a cell is under-trained."""
    from offprior.analysis.verdict import UNDER_TRAINED

    judged, of = rows[rows["verdict"] == UNDER_TRAINED], _wording(rows).of
    found: dict[str, list[int]] = {}
    for length, families in zip(judged["length"], judged["families_that_fail"], strict=True):
        for family in families.split(", ") if families else []:
            found.setdefault(family, []).append(int(length))
    return [
        f"{family} misses the gate of M1 at {', '.join(map(str, sorted(set(lengths))))} {of}"
        for family, lengths in found.items()
    ]


def _in_order(verdicts: Any) -> list[tuple[tuple[str, str], Any]]:
    """Returns groups of rows ordered by probe, then by placement, all queries first."""
    from offprior.columns import PLACEMENTS

    groups = {key: rows for key, rows in verdicts.groupby(["probe", "placement"], sort=False)}
    probes = list(verdicts["probe"].unique())
    keys = [(probe, placement) for probe in probes for placement in PLACEMENTS]
    return [(key, groups[key]) for key in keys if key in groups]


def _verdict(cell: dict[Any, Any]) -> str:
    from offprior.analysis.verdict import carry_mark
    from offprior.figures.verdict_map import OFF, look_of

    if not _counts(cell):
        # Without a prior gap what is lost is the model's own.
        off = f", off B by {cell['bayes_distance']:.2g}" if look_of(cell) == OFF else ""
        return f"{cell['verdict']}{off}{carry_mark(cell)}"
    index = f" / {cell['M20']:.2f}" if cell["M20"] == cell["M20"] else ""
    return f"{cell['verdict']} {cell['M5']:.2f}{index}{carry_mark(cell)}"


def _counts(cell: dict[Any, Any]) -> bool:
    """Whether the cell has an M5 to show next to the verdict."""
    from offprior.analysis.verdict import NOT_JUDGED

    return cell["verdict"] not in NOT_JUDGED and cell["M5"] == cell["M5"]
