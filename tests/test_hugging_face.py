"""A causal language model made here, loaded and asked as anybody's would be."""

import sys

import numpy as np
import pytest
from tiny_language_model import written_to

from offprior.adapters.addresses import predictor_at
from offprior.adapters.declared import Declared
from offprior.adapters.text_prompts import text_format
from offprior.errors import OffpriorError, SettingError

LACKS = "needs transformers and torch, which `make adapters` installs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model that was trained to write numbers, on constant functions."""
    torch = pytest.importorskip("torch", reason=LACKS)
    pytest.importorskip("transformers", reason=LACKS)
    torch.set_num_threads(1)
    draw, written = np.random.default_rng(0), text_format("delimited", 1)
    texts = []
    for constant in draw.uniform(0, 9, 256):
        x = draw.uniform(0, 9, (8, 1))
        texts.append(written.prompt(x, np.full(8, constant), x[0]) + written.output(constant))
    return written_to(tmp_path_factory.mktemp("models") / "tiny", texts, steps=80)


def prompts(count=4, n=6, m=3):
    draw = np.random.default_rng(1)
    return draw.uniform(0, 9, (count, n, 1)), draw.uniform(0, 9, (count, n)), draw.uniform(0, 9, (count, m, 1))


def address(folder, rest="format='delimited', decimals=1"):
    return f"hf:{folder}({rest})"


def test_answers_are_the_model_s_own_greedy_ones(folder):
    """Against transformers' `generate`, text by text."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    found, (x, y, queries) = predictor_at(address(folder)), prompts()
    mean = found.predict_batch(x, y, queries, [6]).mean[:, 0]
    assert np.isfinite(mean).all() and not found.failures and (found.texts, found.unreadable) == (12, 0)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    for number in range(4):
        for place in range(3):
            text = found.written.prompt(x[number], y[number], queries[number, place])
            ids = tokenizer(text, return_tensors="pt")["input_ids"]
            new = model.generate(ids, max_new_tokens=8, do_sample=False, pad_token_id=0)[0, ids.shape[1] :]
            assert float(tokenizer.decode(new).split("\n")[0]) == mean[number, place]


def test_the_log_likelihood_is_the_sum_over_the_digits_of_the_true_output(folder):
    import torch
    from transformers import AutoModelForCausalLM

    found, (x, y, queries) = predictor_at(address(folder)), prompts()
    outputs = np.asarray([2.34, 0.0, -1.0])
    got = found.log_likelihood(x[0], y[0], queries[0], outputs)
    model = AutoModelForCausalLM.from_pretrained(folder)
    vocabulary = found._score.__self__.tokenizer.get_vocab()
    for place, digits in enumerate(("2.3\n", "0.0\n", "-1.0\n")):
        text = found.written.prompt(x[0], y[0], queries[0, place]) + digits
        by_hand = 0.0
        for cut in range(len(text) - len(digits), len(text)):
            with torch.inference_mode():
                ids = torch.tensor([[vocabulary[character] for character in text[:cut]]])
                logits = model(ids).logits[0, -1].double().numpy()
            by_hand += logits[vocabulary[text[cut]]] - np.log(np.exp(logits).sum())
        np.testing.assert_allclose(got[place], by_hand, rtol=1e-5)
    assert got[2] < got[0]  # no training text had a minus


def test_samples_give_a_spread_and_the_same_prompt_the_same_answer(folder):
    x, y, queries = prompts(1)
    found = [predictor_at(address(folder, "format='delimited', decimals=1, samples=16")) for _ in range(2)]
    one, same = (each.predict_batch(x, y, queries, [6]) for each in found)
    np.testing.assert_array_equal(one.mean, same.mean)
    assert (one.variance > 0).any() and found[0].texts == 48


def test_a_model_that_was_not_trained_answers_no_numbers_and_all_is_counted(tmp_path):
    pytest.importorskip("transformers", reason=LACKS)
    x, y, queries = prompts(2, 2)
    found = predictor_at(address(written_to(tmp_path / "untrained", ["0.0,"]), "decimals=0, format='delimited'"))
    assert np.isnan(found.predict_batch(x, y, queries, [1, 2]).mean).all()
    assert len(found.failures) == 4 and found.texts == found.unreadable == 12
    assert all("no number" in failure.reason for failure in found.failures)


def test_the_longest_context_fits_in_the_positions_and_a_longer_text_fails_with_its_size(folder):
    found, (x, y, queries) = predictor_at(address(folder)), prompts(1, 60)
    # 128 positions; "-10.0,-10.0\n" has 12 tokens, the query 6, an answer up to 7 and 4 more.
    assert found.longest == (128 - 11 - 6) // 12 and found.input_dimension == 1
    assert np.isnan(found.predict_batch(x, y, queries, [60]).mean).all()
    assert "the text has 495 tokens with its answer, and the model 128 positions" in found.failures[0].reason
    with pytest.raises(SettingError, match="128 positions hold no pair of"):
        predictor_at(address(folder, "format='lines', dimension=20"))


def test_pickles_are_refused_unless_they_are_trusted(folder, tmp_path):
    import torch
    from safetensors.torch import load_file

    for file in folder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save(load_file(folder / "model.safetensors"), tmp_path / "pytorch_model.bin")
    with pytest.raises(SettingError, match=r"weights are a pickle, which can run code; .* or give --trust"):
        predictor_at(address(tmp_path))
    x, y, queries = prompts(1)
    trusted = predictor_at(address(tmp_path), Declared(trust=True)).predict_batch(x, y, queries, [6])
    np.testing.assert_array_equal(trusted.mean, predictor_at(address(folder)).predict_batch(x, y, queries, [6]).mean)


def test_code_of_a_folder_is_not_run(folder, tmp_path):
    import json

    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    config = json.loads((tmp_path / "config.json").read_text())
    config |= {"model_type": "of_a_test", "auto_map": {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text("raise SystemExit('it was run')\n")
    with pytest.raises(SettingError, match="it comes with code of its own; give --trust to run it"):
        predictor_at(address(tmp_path))


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ("no/such/folder/here", "hf:no/such/folder/here: "),
        ("./nothing", "hf:./nothing: there is no such folder"),
        ("x(format='lined')", "unknown format 'lined'; did you mean lines"),
        ("x(decimal=2)", "unknown setting 'decimal'; did you mean decimals"),
        ("x(samples=0)", "samples must be at least 1"),
    ],
)
def test_mistakes_are_one_line(rest, told):
    pytest.importorskip("transformers", reason=LACKS)
    with pytest.raises(SettingError) as caught:
        predictor_at(f"hf:{rest}")
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_a_missing_library_is_one_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        OffpriorError, match="needs transformers, which is not installed; pip install 'offprior\\[hf\\]'"
    ):
        predictor_at("hf:x")
