"""The examples of CONTRIBUTING.md, each written to its file in a copy of the package, work as they are."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(?:python|yaml)\n# (src/offprior/\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A copy of the package with the examples in it, and nothing else changed."""
    copy = tmp_path_factory.mktemp("contributed")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for path, text in EXAMPLES.items():
        assert not (copy / path).exists(), f"{path} is there already"
        (copy / path).write_text(text, encoding="utf-8")
    return copy


def python(package: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package / "src"), "NO_COLOR": "1", "COLUMNS": "160"}
    done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_there_is_an_example_of_each():
    folders = {Path(path).parent.name for path in EXAMPLES}
    assert folders == {"families", "laws", "input_laws", "predictors", "probes", "figures", "recipes"}


def test_examples_are_listed_and_described(package):
    listed = python(package, "-m", "offprior", "list")
    for path in EXAMPLES:
        name = Path(path).stem.replace("_", "-")
        assert re.search(rf"^{name} ", listed, re.MULTILINE), f"{name} is not listed"
    described = python(package, "-m", "offprior", "describe", "slope-scale")
    assert "stop" in described and "the largest s" in described


def test_the_recipe_is_valid(package):
    assert "valid" in python(package, "-m", "offprior", "validate", "parabolas")


def test_examples_answer(package):
    """B recovers a cubic parabola; a family without a closed form says so; the probe leaves the prior and returns."""
    python(
        package,
        "-c",
        """
import json
import pathlib
import tempfile

import numpy as np
import pytest

import offprior as op
from offprior.components import NoClosedForm

x = np.linspace(-2, 2, 12)[:, None]
queries = np.array([[-1.5], [0.5], [3.0]])
mixture = op.Mixture(families=[op.Linear(), op.Cubic(scale=0.5)], noise=0.05)
bayes = op.Bayes(mixture)
answer = bayes.predict(x, 0.4 * x[:, 0] ** 3, queries)
np.testing.assert_allclose(answer.mean, 0.4 * queries[:, 0] ** 3, atol=0.02)
assert bayes.family_posterior(x, 0.4 * x[:, 0] ** 3)[1] > 0.99

# The rate of a decay by brute force: a dense grid of rates, each a Gaussian with one coefficient.
decay, seen = op.Decay(rate=(0.1, 0.5)), np.cos(x[:, 0])
given = op.Bayes(op.Mixture(families=[decay], noise=0.3)).predict(x, seen, queries)
log_evidence, means = [], []
for rate in np.linspace(0.1, 0.5, 4001):
    column = np.exp(-rate * x[:, 0])
    covariance = np.outer(column, column) + 0.09 * np.eye(len(x))
    log_evidence.append(-0.5 * seen @ np.linalg.solve(covariance, seen) - 0.5 * np.linalg.slogdet(covariance)[1])
    means.append(np.exp(-rate * queries[:, 0]) * (column @ np.linalg.solve(covariance, seen)))
weights = np.exp(np.asarray(log_evidence) - max(log_evidence))
np.testing.assert_allclose(given.mean, weights @ np.asarray(means) / weights.sum(), rtol=1e-3)

with pytest.raises(NoClosedForm, match="absolute"):
    op.Bayes(op.Mixture(families=[op.Absolute()]))

mapping = {
    "title": "x", "name": "x", "mixture": {"families": ["absolute"]},
    "model": {"name": "transformer", "layers": 1, "width": 16, "heads": 2},
    "training": {"steps": 2, "batch": 2, "points": 4}, "evaluation": {"lengths": [4], "tasks": 4, "queries": 4},
}
path = pathlib.Path(tempfile.mkdtemp()) / "absolute.yaml"
path.write_text(json.dumps(mapping))
metrics = op.run(path, out=path.parent / "run", progress=False).table().metrics()
assert metrics["M2"].notna().all() and metrics["M4"].isna().all()

median = op.MedianSlope().predict(x, 3 * x[:, 0], queries)
np.testing.assert_allclose(median.mean, 3 * queries[:, 0])

table = op.evaluate([op.MedianSlope()], op.probes.SlopeScale(), lengths=[5, 10], mixture=mixture, tasks=16, queries=8)
rows = table.to_pandas().query("probe == 'slope-scale'")
errors = rows.query("length == 10").groupby(["predictor", "strength"])["squared_error"].mean()
assert errors["B", 4.0] < errors["median slope", 4.0]
assert set(rows.query("inside")["strength"]) == {1.0}
""",
    )


def test_examples_keep_the_contract(package):
    """The contract tests see the examples by their being there."""
    shutil.copytree(ROOT / "tests", package / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", package)
    shutil.copytree(ROOT / "docs", package / "docs", ignore=shutil.ignore_patterns("_build", "jupyter_execute"))
    names = [Path(path).stem.replace("_", "-") for path in EXAMPLES if path.endswith(".py")]
    chosen = " or ".join(names)
    output = python(package, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/contract", "-k", chosen)
    assert re.search(r"\d+ passed", output), output
