"""The command line: what goes right ends in a report, what goes wrong in one line and exit code 2."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import namedtuple

import pandas as pd
import pytest
import yaml

from offprior import cli
from offprior.analysis.verdict import VERDICTS
from offprior.commands.list import SORTS
from offprior.commands.printed_tables import print_verdicts
from offprior.commands.stored_run import Run

RECIPE = {
    "title": "A small one",
    "mixture": {"families": ["linear", {"name": "sinusoid", "frequency": [0.5, 1.5]}]},
    "model": {
        "name": "transformer", "layers": 1, "heads": 2, "width": 16, "tokens": "paired", "attention": "context",
        "positions": "none", "head": "buckets", "buckets": 16,
    },
    "training": {"steps": 20, "batch": 4, "points": 8, "steps_per_dispatch": 5, "checkpoint_every": 10},
    "evaluation": {"lengths": [4], "tasks": 64, "queries": 8},
    "probes": [{"name": "convex", "count": 3}],
}  # fmt: skip


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """A recipe's file in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(RECIPE))
    return "small.yaml"


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run that has been carried out by the command line, and what it printed."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "small.yaml").write_text(yaml.safe_dump(RECIPE))
    done = offprior("run", "small.yaml", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder / "runs" / "small", done


def offprior(*arguments, folder):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "offprior", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def refused(capsys, *arguments):
    """The lines of a command that ends with exit code 2."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert "Traceback" not in err and not out
    return err.splitlines()


def test_help_imports_no_jax():
    script = (
        "import sys, contextlib, io\n"
        "from offprior.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):\n"
        "    main(['--help'])\n"
        "assert all(word in out.getvalue() for word in ('run', 'pretrain', 'probe', 'describe', 'validate'))\n"
        "assert not {'jax', 'numpy', 'pandas', 'equinox'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_a_run_ends_with_verdicts_and_a_report(finished):
    folder, done = finished
    assert "convex" in done.stdout and "1 seed: provisional" in done.stdout
    cells = dict(re.findall(r"^ *(0|0\.5|1) +(\S[^:]*?)\s*$", done.stdout, re.MULTILINE))
    assert all(cells[end].startswith("no prior gap, off B by 0.") for end in "01"), "it was trained for a second"
    assert any(cells["0.5"].startswith(word) for word in VERDICTS)
    assert done.stdout.count("report/index.html") == 1
    progress = done.stderr.splitlines()
    assert any(line.startswith("pretraining, seed 0: 20/20") and "linear" in line for line in progress)
    assert "\r" not in done.stderr and "\x1b" not in done.stderr, "plain lines where there is no terminal"
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {
        "recipe.yaml",
        "manifest.json",
        "training.parquet",
        "evaluation.parquet",
        "seed-0/model.safetensors",
    } <= names
    assert {"report/index.html", "report/figures/verdict-map.svg", "report/tables/verdicts.csv"} <= names
    assert not [name for name in names if "partial" in name]
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["finished"] and manifest["seeds"] == [0]
    assert sum(manifest["realised"]["0"].values()) == pytest.approx(1)


def test_a_finished_run_is_not_trained_again(finished):
    folder, _ = finished
    before = (folder / "seed-0" / "state-000000020.safetensors").stat().st_mtime_ns
    assert offprior("run", "small.yaml", folder=folder.parents[1]).returncode == 0
    assert (folder / "seed-0" / "state-000000020.safetensors").stat().st_mtime_ns == before


def test_more_seeds_join_the_first(finished, tmp_path):
    home = shutil.copytree(finished[0].parents[1], tmp_path / "home")
    refusal = offprior("run", "small.yaml", "--seeds", "2", folder=home)
    assert (refusal.returncode, "1 of 2 seeds; continue with --resume" in refusal.stderr) == (2, True)
    weights = (home / "runs" / "small" / "seed-0" / "model.safetensors").read_bytes()
    done = offprior("run", "small.yaml", "--seeds", "2", "--resume", folder=home)
    assert done.returncode == 0 and "2 seeds: provisional" in done.stdout, done.stderr
    assert (home / "runs" / "small" / "seed-0" / "model.safetensors").read_bytes() == weights
    assert (home / "runs" / "small" / "seed-1" / "model.safetensors").read_bytes() != weights


def test_a_model_off_b_where_there_is_no_prior_gap_is_told(capsys):
    place = {"probe": "context-length", "coordinate": "k", "placement": "all", "provisional": "", "unit": None}
    nothing = dict.fromkeys(("M4", "M5", "M20", "carried_by"), float("nan"))
    cell = {**place, **nothing, "verdict": "no prior gap", "few_tasks_carry": False, "families_that_fail": ""}
    rows = [{**cell, "strength": k, "length": k, "bayes_distance": far, "off_bayes": far > 0.02}
            for k, far in ((16, 0.001), (512, 0.115))]  # fmt: skip
    print_verdicts(pd.DataFrame(rows))
    printed = capsys.readouterr().out
    assert re.search(r"16 +no prior gap *$", printed, re.MULTILINE)
    assert re.search(r"512 +no prior gap, off B by 0.12", printed)


def test_exploring_without_bokeh_says_what_to_install(finished, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "bokeh", None)
    for module in [name for name in sys.modules if name.startswith(("bokeh.", "offprior.explorer"))]:
        monkeypatch.delitem(sys.modules, module)
    assert cli.main(["explore", str(finished[0])]) == 2
    assert "pip install 'offprior[explore]'" in capsys.readouterr().err


def test_probing_and_reporting_again(finished, tmp_path, capsys, monkeypatch):
    home = shutil.copytree(finished[0].parents[1], tmp_path / "home")
    monkeypatch.chdir(home)
    assert cli.main(["probe", "runs/small", "context-length"]) == 0
    assert {"convex", "context-length"} <= set(Run("runs/small").evaluation()["probe"])
    assert cli.main(["report", "runs/small"]) == 0
    assert "context-length" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["families", "models", "predictors", "probes", "figures", "recipes", "runs"])
def test_lists(what, finished, capsys, monkeypatch):
    monkeypatch.chdir(finished[0].parents[1])
    assert cli.main(["list", what]) == 0
    expected = {"recipes": "mueller-2023", "runs": "runs/small", "models": "transformer", "families": "sinusoid"}
    assert expected.get(what, "") in capsys.readouterr().out


@pytest.mark.parametrize("name", ["linear", "transformer", "bayes", "convex", "mueller-2023"])
def test_descriptions(name, capsys):
    assert cli.main(["describe", name]) == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("training.stepps=3", "small.yaml: training.stepps: unknown key; did you mean steps?"),
        ("mixture.weights=[-1, 2]", "small.yaml: mixture.weights: must be finite and at least 0, got [-1.0, 2.0]"),
        ("mixture.weights=[0, 0]", "small.yaml: mixture.weights: they sum to 0"),
        ("mixture.families.1.frequency=[3, 1]", "small.yaml: mixture.families.1.frequency"),
        ("probes.0.stop=1.2", "small.yaml: probes.0.stop: 1.2 is out of bounds"),
        ("model.heads=3", "small.yaml: model.heads: width 16 is not divisible by 3 heads"),
    ],
)
def test_a_mistake_is_one_line_and_makes_no_folder(recipe, tmp_path, capsys, setting, line):
    (given,) = refused(capsys, "run", recipe, "--set", setting)
    assert given.startswith(line)
    assert [path.name for path in tmp_path.iterdir()] == [recipe]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "muller-2023"], "muller-2023: no recipe has this name; did you mean mueller-2023?"),
        (["validate", "nothing.yaml"], "nothing.yaml: cannot be read: No such file or directory"),
        (["run", "mueller-2023", "--seeds", "0"], "--seeds: must be at least 1, got 0"),
        (["probe", "nowhere"], "nowhere: no run here (manifest.json is missing)"),
        (["report"], "report: no run was given; offprior list runs shows them"),
        (["describe", "lineer"], "lineer: unknown name; did you mean linear?"),
        (["rnu"], 'Unknown command "rnu". Did you mean "run"?'),
        (["run", "mueller-2023", "--resme"], "--resume"),
        (["list", "famlies"], "families"),
    ],
)
def test_wrong_words_are_one_line(recipe, capsys, arguments, message):
    (given,) = refused(capsys, *arguments)
    assert message in given


def test_another_recipes_folder_is_left_alone(finished, capsys, monkeypatch):
    monkeypatch.chdir(finished[0].parents[1])
    before = {path: path.stat().st_mtime_ns for path in finished[0].rglob("*")}
    (given,) = refused(capsys, "run", "small.yaml", "--set", "training.steps=30")
    assert given.startswith(
        "runs/small: the folder holds a run of small with other settings; choose another folder, say --out "
    )
    assert {path: path.stat().st_mtime_ns for path in finished[0].rglob("*")} == before


@pytest.mark.parametrize("damage", ["truncated", "missing", "foreign"])
def test_a_damaged_checkpoint_is_one_line(finished, tmp_path, capsys, damage):
    run = shutil.copytree(finished[0], tmp_path / "small")
    path = run / "seed-0" / "model.safetensors"
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(content[:-100] if damage == "truncated" else b"\x02\x00\x00\x00\x00\x00\x00\x00{}")
    (given,) = refused(capsys, "probe", run)
    assert given.startswith(f"{path}: "), given


def test_a_disk_without_room_is_told_before_training(recipe, tmp_path, capsys, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9, 1_000_000))
    (given,) = refused(capsys, "run", recipe)
    assert given == "runs/small: the disk has 1 MB free, but 50 MB are needed"
    assert [path.name for path in tmp_path.iterdir()] == [recipe]


def test_a_disk_that_fills_up_leaves_nothing_half_written(recipe, tmp_path):
    # No file above some twelve kilobytes: the tables fit, the checkpoint does not.
    command = ["sh", "-c", 'ulimit -f 24 && exec "$@"', "sh", sys.executable, "-m", "offprior", "pretrain", recipe]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last == "runs/small/seed-0/state-000000020.safetensors: cannot be written: File too large"
    assert not list(tmp_path.rglob("*.safetensors")) and not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize(
    "command, raised, said",
    [
        ("explore", KeyboardInterrupt("\n"), "interrupted"),
        ("probe", KeyboardInterrupt(), "interrupted"),
        ("run", KeyboardInterrupt(), "interrupted; continue with --resume"),
        ("pretrain", KeyboardInterrupt("at step 3"), "interrupted; at step 3"),
    ],
)
def test_only_what_can_be_resumed_says_how(command, raised, said, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise raised

    monkeypatch.setattr(cli, "app", interrupted)
    assert cli.main([command, "x"]) == 130
    assert capsys.readouterr().err == f"{said}\n"


def test_ctrl_c_leaves_a_run_that_can_be_resumed(recipe, tmp_path):
    long = copy.deepcopy(RECIPE)
    long["training"] |= {"steps": 100_000, "checkpoint_every": 100_000}
    (tmp_path / "long.yaml").write_text(yaml.safe_dump(long))
    command = [sys.executable, "-m", "offprior", "pretrain", "long.yaml"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(2)]
        assert said[0] == "long: trained by muon at a learning rate of 0.002\n"
        assert said[1] == "pretraining, seed 0: 0/100000, compiling\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert "Traceback" not in said and "interrupted; at step" in said and "continue with --resume" in said
    assert list((tmp_path / "runs" / "long" / "seed-0").glob("state-*.safetensors"))
    probed = offprior("probe", "runs/long", folder=tmp_path)
    assert probed.returncode == 2 and "of 100000 steps; continue with offprior run --resume" in probed.stderr
    again = offprior("run", "long.yaml", folder=tmp_path)
    assert again.returncode == 2 and "the run is unfinished; continue with --resume" in again.stderr


def test_everything_that_is_listed_can_be_listed_alone(capsys):
    for sort in SORTS:
        assert cli.main(["list", sort]) == 0
    said = capsys.readouterr().out
    assert "log-uniform" in said and "opposite-orthants" in said and "input-laws" in said
