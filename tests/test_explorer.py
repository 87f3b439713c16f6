"""What the explorer's page is made of: states and addresses, points from files, tasks, answers, the newest request."""

import copy
import dataclasses
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from explored import MIXTURE, plain_run
from hypothesis import given
from hypothesis import strategies as st
from small_runs import MIDDLE, WEIGHTS, carried_out

from offprior.cli import main
from offprior.errors import OffpriorError, SettingError
from offprior.explorer.answers import Answerer
from offprior.explorer.latest import Latest
from offprior.explorer.reading import reading
from offprior.explorer.share import as_python
from offprior.explorer.state import BOUNDS, MOST_POINTS, OWN, PRESETS, State, from_query, read_csv, to_query
from offprior.explorer.task import Tasks
from offprior.families.gaussian_process import GaussianProcess
from offprior.families.linear import Linear
from offprior.mixture import Mixture
from offprior.predictors._references import References
from offprior.predictors.bayes import Bayes
from offprior.predictors.smoother import Smoother


def parsed(query):
    from urllib.parse import parse_qsl

    return dict(parse_qsl(query))


numbers = st.floats(-100, 100).map(lambda number: float(f"{number:.6g}"))


@given(
    points=st.lists(st.tuples(numbers, numbers), max_size=MOST_POINTS),
    weight=st.floats(*BOUNDS["weight"]),
    slope=st.floats(*BOUNDS["slope"]),
    length=st.integers(*BOUNDS["length"]),
    preset=st.sampled_from([*PRESETS, OWN]),
)
def test_an_address_gives_its_state_again(points, weight, slope, length, preset):
    points = tuple(points) if preset == OWN else ()
    state = State(points=points, weight=weight, slope=slope, length=length, preset=preset, shown=("model", "truth"))
    assert from_query(parsed(to_query(state))) == state


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"weight": "2"}, "weight: 2 is not between 0 and 1"),
        ({"noise": "nan"}, "noise: nan is not between"),
        ({"task": "9" * 400}, "is too long for a number"),
        ({"length": "1e9"}, "length: '1e9' is not a whole number"),
        ({"points": "1,2;3"}, "points: '3' is not two numbers x,y"),
        ({"points": "1,inf"}, "is not finite, or beyond"),
        ({"points": "1,2;" * (MOST_POINTS + 1)}, f"got {MOST_POINTS + 1} points; at most {MOST_POINTS} are allowed"),
        ({"preset": "lin"}, "unknown value 'lin'; did you mean line?"),
        ({"wieght": "1"}, "wieght: unknown setting; did you mean weight?"),
        ({"points": "1,2;" * 4000}, "characters; at most 8192 are read"),
    ],
)
def test_an_address_is_checked(arguments, told):
    with pytest.raises(SettingError) as refused:
        from_query(arguments)
    assert told in str(refused.value)


def test_points_in_an_address_are_of_no_function():
    assert from_query({"points": "1,2", "preset": "line"}).preset == OWN


def test_all_mistakes_of_an_address_are_told_at_once():
    with pytest.raises(SettingError) as refused:
        from_query({"weight": "2", "slope": "x"})
    assert "weight" in str(refused.value) and "slope" in str(refused.value)


def test_a_file_of_points():
    assert read_csv(b"x,y\n1,2\n\n-3;4.5\n") == ((1.0, 2.0), (-3.0, 4.5))
    assert read_csv("\ufeff1\t2\n".encode()) == ((1.0, 2.0),)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x,y\n1,2\n3,four\n5\n", "row 3: '3,four' is not two numbers x,y; row 4: '5' is not two numbers x,y"),
        (b"1,nan\n", "row 1: '1,nan' is not finite"),
        (b"-5,\n0,1\n", "row 1: '-5,' is not two numbers x,y"),
        (b"0,1\n1_0,2\n", "row 2: '1_0,2' is not two numbers x,y"),
        (b"a,b\n", "the file has no points"),
        (b"\xff\xfe\x00", "not UTF-8 text"),
        (b"1,2\n" * (MOST_POINTS + 1), f"{MOST_POINTS + 1} points; at most {MOST_POINTS} are allowed"),
        (b"1" * 70_000, "bytes; at most 65536 are allowed"),
    ],
)
def test_bad_rows_are_named(content, told):
    with pytest.raises(OffpriorError) as refused:
        read_csv(content)
    assert told in str(refused.value)


def test_of_requests_that_wait_the_newest_is_carried_out_and_the_last_always():
    done, gate = [], threading.Event()

    def work(number):
        gate.wait(5)
        done.append(number)

    with ThreadPoolExecutor(2) as threads:
        latest = Latest(work, threads)
        for number in range(50):
            latest.ask(number)
            time.sleep(0.001)
        gate.set()
        until = time.monotonic() + 5
        while (not done or done[-1] != 49) and time.monotonic() < until:
            time.sleep(0.005)
        assert done == [0, 49]
        latest.close()
        latest.ask(50)
        time.sleep(0.05)
        assert done == [0, 49]


def test_work_that_fails_does_not_end_the_page():
    done = []

    def work(number):
        if number == 0:
            raise ValueError
        done.append(number)

    with ThreadPoolExecutor(1) as threads:
        latest = Latest(work, threads)
        latest.ask(0)
        time.sleep(0.05)
        latest.ask(1)
        until = time.monotonic() + 5
        while not done and time.monotonic() < until:
            time.sleep(0.005)
    assert done == [1]


@pytest.fixture(scope="module")
def answerer(tmp_path_factory):
    return Answerer(plain_run(tmp_path_factory.mktemp("explored")))


def test_answers_are_those_of_the_predictors(answerer):
    state = answerer.drawn(State(preset="sinusoid", length=7, shown=("ridge",)))
    found = answerer.with_panel(answerer.answer(state))
    assert len(state.points) == 7 and {"model", "B", "C", "S", "truth", "ridge"} <= set(found.curves)
    x, y = (np.asarray([point[axis] for point in state.points]) for axis in (0, 1))
    at = answerer.places[:, None]
    exact = Bayes(answerer.mixture).predict(x[:, None], y, at)
    np.testing.assert_allclose(found.curves["B"], exact.mean, rtol=1e-6, atol=1e-6)
    assert found.probability["sinusoid"] == pytest.approx(
        Bayes(answerer.mixture).family_posterior(x[:, None], y)[1], abs=1e-9
    )
    smooth = Smoother().predict(x[:, None], y, at)
    np.testing.assert_allclose(found.curves["S"], smooth.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.bands["S"][1], smooth.mean + 1.959964 * np.sqrt(smooth.variance), rtol=1e-6)
    assert {"model", "B", "C", "S"} <= set(found.errors)
    model = answerer.models[0].predict(x[:, None], y, at)
    np.testing.assert_allclose(found.curves["model"], model.mean, rtol=1e-4, atol=1e-4)
    evidence = Bayes(answerer.mixture).log_evidence(x[:, None], y)
    assert found.surprise == pytest.approx(-evidence / 7, rel=1e-8)
    inside = np.abs(answerer.places) <= 5
    error = np.square(exact.mean - found.curves["truth"])[inside].mean() / found.curves["truth"][inside].var()
    assert found.errors["B"] == pytest.approx(error, rel=1e-5)


def test_a_longer_prompt_begins_with_the_shorter_and_another_task_is_another(answerer):
    short, long = (answerer.drawn(State(length=length)).points for length in (3, 7))
    assert long[:3] == short
    assert answerer.drawn(State(length=3, task=1)).points != short
    assert (
        answerer.drawn(State(length=3, preset="family: linear")).points
        == answerer.drawn(State(length=3, preset="family: linear")).points
    )


def test_the_sliders_of_a_wave_move_it_though_a_family_has_its_name(answerer):
    one, other = (answerer.drawn(State(preset="sinusoid", frequency=frequency)) for frequency in (1.0, 1.3))
    assert one.points != other.points
    of_family = answerer.drawn(State(preset="family: sinusoid", frequency=1.0))
    assert of_family.points == answerer.drawn(State(preset="family: sinusoid", frequency=1.3)).points


@pytest.mark.parametrize("task", range(4))
def test_the_presets_of_the_dispute_are_in_a_prior_that_has_them(answerer, task):
    for preset in ("line", "sinusoid"):
        found = answerer.answer(answerer.drawn(State(preset=preset, task=task)))
        mean, spread = found.typical
        assert abs(found.surprise - mean) < 4 * spread and found.errors["B"] < 0.05
    found = answerer.answer(answerer.drawn(State(preset="combination", task=task)))
    assert found.errors["C"] < 0.05, "C knows the combinations"


def test_points_of_ones_own_have_no_truth_and_no_points_have_no_answer(answerer):
    own = State(preset=OWN, points=((0.0, 1.0), (1.0, 2.0)))
    assert answerer.drawn(own).points == own.points
    found = answerer.answer(own)
    assert "truth" not in found.curves and found.errors == {} and "P(family" in reading(found)
    nothing = answerer.answer(dataclasses.replace(own, points=()))
    assert nothing.curves == {} and "double-click" in reading(nothing)


def test_what_is_read_is_escaped(answerer):
    found = answerer.answer(State(preset=OWN, points=((0.0, 1.0),)))
    assert "<script>" not in reading(found._replace(verdict="<script>", probability={"<script>": 1.0}))


def test_the_lines_of_python_give_all_that_is_shown_again(answerer, capsys):
    state = answerer.drawn(State(length=6, shown=("model", "ridge")))
    names: dict = {}
    exec(as_python([answerer.run], state), names)
    found = answerer.with_panel(answerer.answer(state))
    assert set(names["answers"].curves) == set(found.curves) and "truth" in found.curves
    for label, curve in found.curves.items():
        np.testing.assert_allclose(names["answers"].curves[label], curve, rtol=1e-3, atol=1e-3)


def test_of_a_study_a_place_is_explored(tmp_path):
    run = carried_out(tmp_path, mixture=MIXTURE, study={"places": WEIGHTS, "measure": {"name": "M2", **MIDDLE}})
    with pytest.raises(
        SettingError, match=r"study: a study has one model per place; explore one place, such as .*place-0"
    ):
        Answerer(run)
    Answerer(run.places()[0])


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--port", "70000"], "70000"),
        (["--host", "nowhere.invalid"], "--host: cannot listen on nowhere.invalid:5006"),
    ],
)
def test_where_to_listen_is_told_before_anything_is_compiled(answerer, given, told, capsys):
    assert main(["explore", str(answerer.run.folder), "--no-browser", *given]) == 2
    said = capsys.readouterr()
    assert told in said.err and "compiling" not in said.out and len(said.err.splitlines()) == 1


def test_inputs_of_several_numbers_are_refused(tmp_path):
    mixture = {"families": [{"name": "linear", "dimension": 2}], "inputs": {"name": "normal"}}
    run = carried_out(tmp_path, mixture=mixture, probes=[])
    with pytest.raises(SettingError, match="inputs have 2 numbers, but a page shows inputs of one number"):
        Answerer(run)


def test_noise_has_the_tails_of_the_mixtures():
    """Student's t of three degrees leaves four standard deviations a hundred times as often as the normal law."""
    far = {}
    for degrees in (None, 3.0):
        tasks = Tasks(Mixture([Linear(intercept=False)], noise=0.1, noise_degrees=degrees))
        states = [State(task=task, preset="line", slope=0.0, noise=1.0, length=MOST_POINTS) for task in range(200)]
        drawn = abs(np.asarray([tasks.points_of(state) for state in states])[..., 1])
        # The mean of |t| under a variance of 1 is 2/π, of the normal law's √(2/π).
        assert drawn.mean() == pytest.approx(0.8 if degrees is None else 0.64, rel=0.1)
        far[degrees] = (drawn > 4).sum()
    assert far[3.0] > 20 > 5 > far[None]


def test_a_reference_that_is_approximate_is_named(answerer):
    assert answerer.approximation == ""
    other = copy.copy(answerer)
    other.mixture = Mixture([GaussianProcess(kernel="matern")], noise=0.1, noise_degrees=4.0)
    other.references, other.has_combined = References(other.mixture), False
    said = other.approximation
    assert said.startswith("B is approximate: ") and "Student's t" in said
    answers = answerer.answer(answerer.drawn(State(preset="sinusoid", length=7)))
    assert "<h3>Approximate</h3>" in reading(answers, said) and "Approximate" not in reading(answers, "")
