"""The negative control of the language adapter: a language model that does not learn in context."""

import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import offprior as op
from offprior.adapters.addresses import predictor_at

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
glassllm = pytest.importorskip("glassllm", reason="needs glassllm, which `make adapters` installs")


@pytest.fixture
def asked(monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.delitem(sys.modules, "glass", raising=False)
    yield predictor_at("python:glass:numbers")
    sys.modules.pop("glass", None)


def costs(model, ids):
    """Nats of every token but the first."""
    logits = model.forward(ids).data[0, :-1].astype(float)
    logits -= logits.max(1, keepdims=True)
    picked = logits[np.arange(len(ids) - 1), ids[1:]]
    return np.log(np.exp(logits).sum(1)) - picked


def test_a_random_sequence_costs_as_much_the_second_time():
    model, _ = glassllm.load_pretrained("en")
    draw = np.random.default_rng(0)
    found = []
    for _ in range(24):
        once = draw.integers(4, 1024, 48)
        cost = costs(model, np.tile(once, 2))
        found.append((cost[:47].mean(), cost[48:].mean()))  # without the first token of each half
    first, second = np.mean(found, axis=0)
    saved = -np.diff(found, axis=1)
    noise = saved.std(ddof=1) / np.sqrt(len(saved))
    assert abs(first - second) < 4 * noise + 0.05 and first > 10  # a model that copies would save nearly all of it


def test_its_answers_are_no_numbers_and_all_of_them_are_counted(asked):
    prompts = op.Mixture([op.Linear(), op.Sinusoid()]).prompts(jax.random.key(0), 6, 2, 2)
    x, y, queries = (np.asarray(part, float) for part in prompts[:3])
    assert np.isnan(asked.predict_batch(x, y, queries, [2]).mean).all()
    assert len(asked.failures) == 6 and asked.texts == asked.unreadable == 12
    assert all("2 of 2 queries: no number" in failure.reason for failure in asked.failures)


def test_a_repeated_pair_does_not_make_its_output_likelier(asked):
    """The same question as for the random sequence, in the digits of a regression."""
    draw = np.random.default_rng(1)
    gain = []
    for _ in range(8):
        x, y = np.round(draw.uniform(-5, 5, (1, 1)), 1), np.round(draw.uniform(-5, 5, 1), 1)
        other = np.round(draw.uniform(-5, 5, 1), 1)
        told, untold = (asked.log_likelihood(x, shown, x, y)[0] for shown in (y, other))
        gain.append(told - untold)
    assert np.mean(gain) < 1.0  # a model that copies would gain most of the 26 nats that an output costs
