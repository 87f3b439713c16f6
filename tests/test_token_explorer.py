"""What the page of a run on tokens is made of: prompts as text, sources, answers, and what its server lets in."""

import json
import urllib.error
import urllib.request
from urllib.parse import parse_qsl, urlencode

import numpy as np
import pytest
from explored import TOKENS, served, token_run
from hypothesis import given
from hypothesis import strategies as st
from small_runs import carried_out

import offprior as op
from offprior.cli import main
from offprior.errors import OffpriorError, SettingError
from offprior.explorer.state import CELL, FAMILY
from offprior.explorer.token_answers import TokenAnswerer, first_state
from offprior.explorer.token_page import as_python, page_of, told
from offprior.explorer.token_state import (
    BOUNDS,
    CHARACTERS,
    MOST_TOKENS,
    OWN,
    TokenState,
    from_settings,
    read_tokens,
    written,
)

FAMILIES = ("sticky-chain", "process-pool")


@pytest.fixture(scope="module")
def answerer(tmp_path_factory):
    return TokenAnswerer(token_run(tmp_path_factory.mktemp("tokens")))


@given(data=st.data(), vocabulary=st.integers(2, 60))
def test_a_prompt_is_read_as_it_is_written(data, vocabulary):
    tokens = tuple(data.draw(st.lists(st.integers(0, vocabulary - 1), max_size=MOST_TOKENS)))
    assert read_tokens(written(tokens, vocabulary), vocabulary) == tokens


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text):
    for vocabulary in (2, 10, 50):
        try:
            assert all(0 <= token < vocabulary for token in read_tokens(text, vocabulary))
        except ValueError as error:
            assert "is not a token; the tokens are 0 to" in str(error)


def test_spaces_and_line_breaks_between_characters_do_not_count():
    assert read_tokens(" 01 1\n0 ", 2) == (0, 1, 1, 0)
    assert read_tokens("3, 12 4", 50) == (3, 12, 4)
    assert read_tokens("aZ", 36) == (10, 35), "capitals are the same tokens"
    with pytest.raises(ValueError, match="at most 512"):
        read_tokens("0" * 513, 2)


@given(
    length=st.integers(*BOUNDS["length"]), task=st.integers(*BOUNDS["task"]), strength=st.floats(0, 1),
    tokens=st.text(CHARACTERS[:4], max_size=40),
)  # fmt: skip
def test_an_address_gives_its_settings_again(length, task, strength, tokens):
    given = {"preset": OWN, "length": length, "task": task, "strength": strength, "tokens": tokens}
    state = from_settings(dict(parse_qsl(urlencode(given), keep_blank_values=True)), 4, FAMILIES, ())
    assert state == TokenState(read_tokens(tokens, 4), OWN, "", strength, length, task)


def test_all_mistakes_of_an_address_are_told_at_once():
    with pytest.raises(SettingError) as caught:
        from_settings({"lenght": "3", "tokens": "019", "step": "-1", "preset": CELL}, 4, FAMILIES, ("kernel-sum",))
    said = str(caught.value)
    for part in ("lenght: unknown setting; did you mean length", "'9', number 3", "0 to 3", "step: -1 is not between",
                 "a cell needs a probe"):  # fmt: skip
        assert part in said
    with pytest.raises(SettingError, match="tokens: it has 9000 characters; at most 8192 are read"):
        from_settings({"tokens": "0" * 9000}, 4, FAMILIES, ())


def test_shorter_sequences_begin_longer_ones_and_tasks_differ(answerer):
    state = TokenState(preset=FAMILY + "sticky-chain", length=12)
    long, short = answerer.sources.of(state), answerer.sources.of(TokenState(preset=state.preset, length=5))
    assert short.tokens == long.tokens[:5] and np.array_equal(short.truth, long.truth[:6])
    others = [answerer.sources.of(TokenState(preset=state.preset, length=12, task=task)).tokens for task in range(5)]
    assert len(set(others)) > 1


def test_the_truth_is_the_law_that_the_tokens_follow(answerer):
    """Log-probabilities of the drawn tokens under the told truth are those of the law: their mean is −entropy."""
    gaps, spread = [], []
    for task in range(200):
        drawn = answerer.sources.of(TokenState(preset=FAMILY + "process-pool", length=16, task=task))
        logs = np.log(drawn.truth[:-1])
        gaps.append((logs[np.arange(16), list(drawn.tokens)] - (drawn.truth[:-1] * logs).sum(-1)).sum())
        spread.append(gaps[-1] ** 2)
    assert abs(np.mean(gaps)) < 4 * np.sqrt(np.mean(spread) / len(gaps))
    assert np.mean(spread) > 0


@pytest.mark.parametrize("tokens", [(), (0,), (1, 2, 3, 3, 2), (0,) * 16])
def test_answers_are_those_of_the_predictors_on_the_bare_prompt(answerer, tokens):
    state = TokenState(tokens=tokens)
    answers, matrices = answerer.further(state)
    bare, lengths = np.asarray([tokens], np.int32).reshape(1, -1), [len(tokens)]
    mixture = answerer.mixture
    known = [probe.distribution(a, mixture) for probe in answerer.recipe.probes if probe.combines
             for a in probe.strengths(mixture)]  # fmt: skip
    others = {"model": answerer.models[0], "B": op.Bayes(mixture), "C": op.Bayes.including(mixture, known),
              "S": op.BackOff().for_mixture(mixture), **answerer.panel}  # fmt: skip
    assert set(answers.probabilities) == set(others)
    for label, predictor in others.items():
        want = predictor.next_tokens(bare, lengths)[0, 0]
        assert np.allclose(answers.probabilities[label][-1], want, atol=1e-6), label
    if len(tokens) < answerer.longest:
        longer = np.concatenate([bare, [[2]]], axis=1).astype(np.int32)
        for label, matrix in matrices.items():
            want = others[label].next_tokens(longer, [len(tokens) + 1])[0, 0]
            assert np.allclose(matrix[2], want, atol=1e-6), label
    assert answers.against == "B" and not answers.divergences["B"].any(), "nobody knows where typed tokens come from"


def test_divergences_are_to_the_source_of_a_drawn_sequence(answerer):
    state = first_state(answerer)
    assert state.preset == CELL and state.probe == "kernel-sum" and state.strength == 0.5
    answers, matrices = answerer.further(state)
    assert answers.against == "truth" and not answers.divergences["truth"].any()
    truth, mean = answers.probabilities["truth"], answers.probabilities["B"]
    assert np.allclose(answers.divergences["B"], (truth * np.log(truth / mean)).sum(-1), atol=1e-9)
    assert np.allclose(matrices["truth"].sum(-1), 1, atol=1e-6)
    assert answers.verdict.endswith("kernel-sum, a = 0.5, 16 tokens")
    assert np.allclose(answers.families.sum(-1), 1)


def test_what_is_typical_is_the_mixture_s_own_surprise(answerer):
    """After one token it is the entropy of what B predicts first; after none it is nothing."""
    means, spreads = answerer.typical
    first = answerer.bayes.batch(np.zeros((1, 0), np.int32), [0]).bayes_mean[0, 0]
    entropy = -(first * np.log(first)).sum()
    assert abs(means[1] - entropy) < 4 * spreads[1] / np.sqrt(128)
    assert means[0] == spreads[0] == 0 and (np.diff(means) > 0).all()
    tokens = (0, 1, 3, 3, 2, 0, 2, 1)
    log_evidence = sum(np.log(op.Bayes(answerer.mixture).next_tokens(np.asarray([tokens], np.int32), [k])[0, 0, token])
                       for k, token in enumerate(tokens))  # fmt: skip
    assert np.isclose(answerer.answer(TokenState(tokens=tokens)).surprise[-1], -log_evidence)


def test_c_is_known_at_the_place_of_a_key_at_once_and_everywhere_later(answerer):
    state = TokenState(tokens=(0, 1, 2, 3, 0), after=3)
    quick, whole = answerer.answer(state), answerer.further(state)[0]
    there = np.isfinite(quick.probabilities["C"]).all(-1)
    assert there.tolist() == [False, False, False, True, False, False]
    assert np.allclose(quick.probabilities["C"][3], whole.probabilities["C"][3], atol=1e-12)
    assert np.isfinite(whole.divergences["C"]).all()


def test_every_source_can_be_drawn_and_none_has_a_length_of_its_own(answerer):
    answerer.warm()
    labels = list(answerer.sources.strengths)
    assert {"kernel-sum", "log-linear", "alphabet-permutation"} <= set(labels)
    assert any(label.startswith("held-out-sources") for label in labels) and "context-length" not in labels


def test_a_page_has_tokens_that_are_too_many_for_trigrams():
    mixture = op.Mixture([op.HiddenMarkov(vocabulary=50, states=3)])
    labels = [predictor.label for predictor in op.panel(mixture)]
    assert "bigram inference" in labels and "trigram inference" not in labels


def test_what_a_page_is_told_is_json_without_infinities(answerer):
    state = first_state(answerer)
    found = told(answerer, state, *answerer.further(state))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["text"] == written(tuple(found["tokens"]), 4)


def test_the_page_says_a_title_as_text_alone(answerer):
    page = page_of(answerer)
    assert "<script>globalThis" not in page and "&lt;/script&gt;&lt;script&gt;" in page


@pytest.mark.parametrize(("step", "after"), [(0, 512), (1, 2)])
def test_the_python_of_a_page_computes_its_bars_by_public_names(answerer, capsys, step, after):
    steps = answerer.film.steps
    state = TokenState(tokens=(1, 2, 3, 0), step=step and steps[step], after=after)
    answers = answerer.answer(state)
    source = as_python(answerer, state, answers)
    assert "offprior." not in source
    exec(source, {})
    printed = dict(line.split(" ", 1) for line in capsys.readouterr().out.splitlines())
    for label in ("model", "B", "S"):
        numbers = np.fromstring(printed[label].strip("[]"), sep=" ")
        assert np.allclose(numbers, answers.probabilities[label][min(after, 4)], atol=1e-4)


def test_a_page_of_tokens_is_not_written_as_a_file_nor_beside_another_run(answerer, tmp_path, capsys):
    folder = str(answerer.run.folder)
    for arguments, option in [(["--static", str(tmp_path / "p.html")], "--static: "), ([folder], "explore: ")]:
        assert main(["explore", folder, *arguments]) == 2
        said = capsys.readouterr().err
        assert option in said and "needs a server and shows one run" in said and "Traceback" not in said


def test_a_study_has_no_page(tmp_path):
    places = [{"at": 1, "set": {"mixture.families.0.strength": 0.5}}, {"at": 2, "set": {}}]
    study = {"coordinate": "s", "places": places,
             "measure": {"name": "M5", "probe": "kernel-sum", "strength": 0.5, "length": 16}}  # fmt: skip
    run = carried_out(tmp_path, **{**TOKENS, "study": study})
    with pytest.raises(OffpriorError, match="one model per place"):
        TokenAnswerer(run)


def asked(address, body, path="answer", **headers):
    request = urllib.request.Request(address + path, body, {"Content-Type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_server_answers_its_own_page_alone_and_bounds_what_it_reads(answerer):
    with served(answerer.run.folder) as address:
        status, found = asked(address, json.dumps({"tokens": "0123"}).encode())
        assert status == 200 and found["tokens"] == [0, 1, 2, 3] and found["probabilities"]["C"][3] == [None] * 4
        assert None not in found["probabilities"]["C"][4]
        status, found = asked(address, json.dumps({"tokens": "0123"}).encode(), "further")
        assert status == 200 and len(found["matrices"]["C"]) == 4
        status, found = asked(address, json.dumps({"tokens": "0?"}).encode())
        assert status == 200 and "'?', number 2, is not a token" in found["error"]
        for body in (b"[]", b"{", b"[" * 60_000, b"\xff"):
            assert asked(address, body)[0] == 400
        assert asked(address, b" " * 70_000)[0] == 413
        assert asked(address, b"{}", **{"Content-Type": "text/plain"})[0] == 415
        assert asked(address, b"{}", Origin="http://elsewhere.example")[0] == 403
        assert asked(address, b"{}", Host="elsewhere.example")[0] == 400, (
            "as a name that is bound to this machine would"
        )
        with urllib.request.urlopen(address, timeout=30) as page:
            policy = page.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy and "script-src 'self';" in policy
        for name in ("token_page.js", "../server.py", "%2e%2e/token_server.py", "page.html.j2"):
            try:
                with urllib.request.urlopen(f"{address}static/{name}", timeout=30) as script:
                    assert name == "token_page.js" and script.headers["Content-Type"].startswith("text/javascript")
            except urllib.error.HTTPError as error:
                assert error.code == 404 and name != "token_page.js"
        assert (
            main(["explore", str(answerer.run.folder), "--no-browser", "--port", address.rstrip("/").split(":")[-1]])
            == 2
        )
