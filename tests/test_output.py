"""Whatever a stream's encoding and whatever a path: commands print, and what they print is what was meant."""

import io
import sys
import warnings
from pathlib import Path

import pytest
from fixture_table import report_data
from rich.table import Table

from offprior import catalog, cli
from offprior.analysis.verdict import verdicts
from offprior.commands import recipe_run, run, study_run
from offprior.console import output
from offprior.console.output import Console, survive, warn
from offprior.errors import OffpriorError
from offprior.storage.parquet import write_parquet

ENCODINGS = ["ascii", "cp1252", "utf-8"]
FOLDER = "w[lines] [bold] :smile: \\[x] θ"
"""Brackets that look like markup, a sign's name, a backslash, and a letter that two of the encodings lack."""
RECIPE = """
name: small
title: "[bold]Lines, ω ≤ 3 and Müller's “waves” − [/x]"
mixture: {families: [linear, {name: sinusoid, frequency: [0.5, 1.5]}]}
model: {name: transformer, layers: 1, heads: 2, width: 16}
training: {steps: 4, batch: 4, points: 8}
evaluation: {lengths: [4]}
"""


def stream(encoding):
    return io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")


def text(of):
    of.flush()
    return of.buffer.getvalue().decode(of.encoding)


@pytest.fixture(params=["ascii", "cp1252"])
def printed(request, monkeypatch):
    """Runs a command with standard streams of an encoding: its exit code and what it printed, over both of them."""

    def command(*arguments):
        streams = stream(request.param), stream(request.param)
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            patch.setenv("COLUMNS", "400")
            try:
                code = cli.main([str(argument) for argument in arguments])
            except SystemExit as ended:
                code = ended.code
        return code, "\n".join(map(text, streams))

    return command


@pytest.fixture
def carried_out(tmp_path, monkeypatch):
    """Nothing is computed or drawn: a run's tables are there, and its commands print as if they had made them."""
    monkeypatch.chdir(tmp_path)
    file = Path(f"{FOLDER}.yaml")
    file.write_text(RECIPE, encoding="utf-8")
    rows = report_data(probes=("in-distribution", "frequency")).evaluation
    few = rows[(rows["length"] == rows["length"].min()) & (rows["strength"] < 0.3)]

    def probed(job, *_, **__):
        write_parquet(job.run.folder / "evaluation.parquet", few)

    assert study_run.probe is recipe_run.probe  # it has imported what is replaced here
    monkeypatch.setattr(recipe_run, "probe", probed)
    monkeypatch.setattr(recipe_run, "pretrain", lambda *_: [[]])
    monkeypatch.setattr(recipe_run, "pretrained", lambda *_: [])
    monkeypatch.setattr(recipe_run, "check_pretrained", lambda *_: None)
    monkeypatch.setattr("offprior.report.report.drawn", lambda figures, *_: [None] * len(figures))
    return file


def test_every_command_of_a_run_prints_under_every_encoding(printed, carried_out):
    folder = Path("runs") / FOLDER
    spelt = str(folder).replace("θ", "theta")
    commands = [
        ("validate", carried_out),
        ("run", carried_out, "--out", folder),
        ("run", carried_out, "--out", folder),  # which is finished
        ("pretrain", carried_out, "--out", folder),
        ("probe", folder),
        ("report", folder),
        ("report", folder, folder),
        ("list", "runs"),
    ]
    for command in commands:
        code, said = printed(*command)
        assert code == 0, (command, said)
        assert (spelt if command[0] != "validate" else spelt.removeprefix("runs/")) in said, (command, said)
        if command[0] in ("run", "probe"):
            assert "omega" in said and "report" in said
    for command in (("probe", "nowhere θ[x]"), ("run", carried_out, "--set", "trainingθ=1"), ("report", folder / "x")):
        code, said = printed(*command)
        assert code == 2 and "Traceback" not in said and said.strip(), (command, said)


@pytest.mark.parametrize("printed", ["ascii"], indirect=True)
def test_lists_descriptions_and_helps_print_under_the_poorest_encoding(printed):
    """Of everything in the catalogue, and of every command."""
    names = [name for folder in catalog.PART_FOLDERS for name in catalog.names(folder)]
    helps = [(*command, "--help") for command in ((), ("run",), ("probe",), ("atlas",), ("explore",), ("report",))]
    for command in [("list",), *(("describe", name) for name in (*names, "mueller-2023", "goddard-2025")), *helps]:
        code, said = printed(*command)
        assert code == 0 and said.strip(), (command, said)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("said", ["θ ≤ ω², 3 × 10", "w[lines]", ":smile:", "a\udcff", "漢字", "─━│", "é", "\\[bold]"])
def test_a_console_of_python_users_survives_too_and_leaves_their_streams_alone(encoding, said, monkeypatch):
    out = stream(encoding)
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", out)
    table = Table("heading", box=None, pad_edge=False)
    table.add_row(said)
    warn(said)
    Console(width=60).print(table)
    found = text(out).splitlines()
    assert out.errors == "strict" and found[0] == found[-1].strip()
    if said.isascii() or (encoding == "utf-8" and "\udcff" not in said):
        assert found[0] == said
    if encoding == "ascii" and "θ" in said:
        assert found[0] == "theta <= omega2, 3 x 10"


def test_every_sign_has_its_letters_in_all_encodings():
    for sign, letters in output.SPELT.items():
        assert sign.encode("ascii", output.ERRORS).decode() == letters
    for number in (*range(1, 0x3000), 0x1F600, 0xDCFF):
        assert chr(number).encode("ascii", output.ERRORS)


def test_what_cannot_be_changed_is_left(capsys):
    survive(None, object(), io.StringIO())


def test_a_warning_is_one_line_and_the_process_has_its_own_back(capsys, monkeypatch):
    def warned(*_, **__):
        warnings.warn("shares were rounded", stacklevel=1)

    before = warnings.showwarning
    monkeypatch.setattr(cli, "app", warned)
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert cli.main([]) == 0
    assert capsys.readouterr().err == "warning: shares were rounded\n" and warnings.showwarning is before


def test_errors_print_whatever_they_hold(printed, monkeypatch):
    def failed(*_, **__):
        raise OffpriorError("θ[x] a\udcff: 漢")

    monkeypatch.setattr(run, "run", failed)
    code, said = printed("run", "mueller-2023")
    assert code == 2 and "[x] a\\udcff: " in said


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_printed_verdicts_survive_any_encoding(encoding, monkeypatch):
    """`print(table.verdicts())` in a program of one's own, whose output may be a file in any encoding."""
    metrics = report_data(probes=("frequency", "in-distribution")).metrics
    found = verdicts(metrics[metrics["placement"] == "all"] if "placement" in metrics else metrics)
    monkeypatch.setattr(sys, "stdout", stream(encoding))
    print(found)
    said = text(sys.stdout)
    assert ("ω = " if encoding == "utf-8" else "omega = ") in said
