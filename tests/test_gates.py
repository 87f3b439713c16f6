"""What a cell's rows say of its queries' placement, what its functions are made of, and where M1 is measured."""

import itertools

import numpy as np
import pytest

from offprior.evaluation.evaluate import evaluate
from offprior.evaluation.gate import Asked, gate, with_gates
from offprior.families.combination import Combination
from offprior.families.linear import Linear
from offprior.families.polynomial import Polynomial
from offprior.families.sinusoid import Sinusoid
from offprior.input_laws.affine import Affine
from offprior.input_laws.evenly import Evenly
from offprior.input_laws.mixed import Mixed
from offprior.input_laws.one_sided import OneSided
from offprior.input_laws.ordered import Ordered
from offprior.input_laws.skewed import Skewed
from offprior.input_laws.sub_interval import SubInterval
from offprior.laws.fixed import Fixed
from offprior.laws.normal import Normal
from offprior.laws.rayleigh import Rayleigh
from offprior.laws.uniform import Uniform
from offprior.mixture import Mixture
from offprior.predictors.least_squares import LeastSquares
from offprior.predictors.smoother import Smoother
from offprior.probes.amplitude import Amplitude
from offprior.probes.convex import Convex
from offprior.probes.frequency import Frequency
from offprior.probes.in_distribution import InDistribution
from offprior.probes.mixture_weight import MixtureWeight
from offprior.probes.one_sided import OneSided as OneSidedProbe
from offprior.probes.other_family import OtherFamily
from offprior.probes.probe import Probe
from offprior.probes.shift import Shift

LINE, WAVE = Linear(), Sinusoid(frequency=(0.5, 1.5))
MIXTURE = Mixture([LINE, WAVE])
HALF = OneSided(share=0.6)
LENGTHS = [0, 1, 6]


@pytest.fixture(scope="module")
def rows():
    probes = [Convex(0, 1, count=3, inputs=HALF), OneSidedProbe(shares=(0.5, 1.0))]
    settings = {"mixture": MIXTURE, "tasks": 24, "queries": 16}
    return evaluate([LeastSquares(label="model"), Smoother()], probes, LENGTHS, **settings).to_pandas()


def test_errors_by_placement_are_those_of_a_loop(rows):
    """Over the same prompts, query by query, for the smoother itself."""
    probe, number, length = OneSidedProbe(shares=(0.5, 1.0)), 1, 6
    from offprior.compute.randomness import key_for
    from offprior.mixture import draw_prompts

    prompts = draw_prompts(
        probe.distribution(1.0, MIXTURE), key_for(0, "evaluation", probe.label, number, 0), 24, 6, 16
    )
    x, y, queries, truth = (np.asarray(part, np.float64) for part in prompts[:4])
    mean = Smoother().predict_batch(x, y, queries, [length]).mean[:, 0]
    found = rows.query("probe == 'one-sided' and strength == 1 and length == 6 and predictor == 'S'").set_index("task")
    shares = []
    for task in range(24):
        sums = np.zeros(4)
        for query in range(16):
            ends = min(x[task, :length, 0]), max(x[task, :length, 0])
            if ends[0] <= queries[task, query, 0] <= ends[1]:
                right = truth[task, query]
                sums += [1, (mean[task, query] - right) ** 2, right, right**2]
        names = ["between", "squared_error_between", "truth_mean_between", "truth_square_between"]
        np.testing.assert_allclose(found.loc[task, names].to_numpy(float), sums / 16, rtol=1e-9, atol=1e-12)
        shares.append(sums[0] / 16)
    assert min(shares) > 0 and max(shares) <= 1 and len(set(shares)) > 3


def test_parts_of_an_error_are_not_above_the_whole(rows):
    for name in ("squared_error", "bayes_gap", "truth_square"):
        assert (rows[f"{name}_between"] <= rows[name] * (1 + 1e-12)).all()
    assert (rows.query("length < 2")["between"] == 0).all(), "fewer than two pairs have nothing between them"
    assert (rows.query("probe == 'one-sided' and strength < 1")["between"] == 0).all()
    assert (rows.query("probe == 'in-distribution' and length == 6")["between"] > 0).any()


def test_inputs_of_several_numbers_have_no_placement():
    found = evaluate([LeastSquares()], [], [3], mixture=Mixture([Linear(dimension=2)]), tasks=4, queries=4).to_pandas()
    assert found.filter(like="between").isna().all(axis=None)


def test_the_smoother_is_in_every_cell_once(rows):
    cells = rows.groupby(["probe", "strength", "length"])["predictor"].agg(list)
    assert all(labels.count("S") == 24 for labels in cells)
    smoothed = rows.query("predictor == 'S'")
    assert np.isfinite(smoothed["squared_error"]).all() and (smoothed["seed"] == -1).all()
    assert smoothed.query("length == 0")["squared_error"].to_numpy() == pytest.approx(
        smoothed.query("length == 0")["truth_square"].to_numpy()
    )


def test_there_is_a_smoother_without_bayes():
    from offprior.families.relu_network import ReluNetwork

    networks = Mixture([ReluNetwork(dimension=1, hidden=4)])
    with pytest.warns(UserWarning, match="no B, no C"):
        found = evaluate([LeastSquares()], [], [4], mixture=networks, tasks=4, queries=4).to_pandas()
    assert np.isfinite(found.query("predictor == 'S'")["squared_error"]).all()


def test_gates_are_evaluated_once_at_their_own_inputs(rows):
    """A combination is gated in distribution under its inputs; where the inputs alone change the cell gates itself."""
    convex = rows.query("probe == 'convex, one-sided 0.6'")
    label = "in-distribution, one-sided 0.6"
    assert set(convex["gate"]) == {label}
    made_of = convex.groupby("strength")["made_of"].agg(set).to_dict()
    assert made_of == {0.0: {"sinusoid"}, 0.5: {"linear|sinusoid"}, 1.0: {"linear"}}
    gated = rows[rows["probe"] == label]
    assert set(gated["length"]) == set(LENGTHS) and set(gated["family"]) == {"linear", "sinusoid"}
    assert not gated.duplicated(["length", "task", "predictor", "seed"]).any()
    assert (gated["gate"] == "").all() and (gated["between"] == 0).all()
    assert (rows.query("probe == 'one-sided' or probe == 'in-distribution'")["gate"] == "").all()


def test_a_gate_that_a_recipe_lists_is_not_drawn_again():
    listed = InDistribution(inputs=HALF)
    asked = [
        Asked(InDistribution(), (5,)),
        Asked(listed, (5,)),
        Asked(Convex(inputs=HALF), (5, 10)),
        Asked(Shift(), (5,)),
    ]
    found = with_gates(asked, MIXTURE)
    assert [probe.label for probe, _ in found] == [probe.label for probe, _ in asked]
    assert found[1] == Asked(listed, (5, 10)), "at the lengths that it is needed at too"
    assert [probe for probe, _ in with_gates(asked[2:3], MIXTURE)] != [asked[2].probe]


def test_the_mixtures_own_conditions_written_out_need_no_gate_of_their_own():
    probe = Convex(inputs=Uniform(-5, 5), noise=0.1)
    assert gate(probe, 0.5, MIXTURE) == InDistribution()


class Both(Probe):
    """Sums under inputs that move with them."""

    coordinate, axis = "b", "both"
    inputs: None = None
    noise: None = None

    def strengths(self, mixture):
        return (0.0, 1.0)

    def path(self, strength, mixture):
        return mixture.changed(families=[Combination(LINE, WAVE)], inputs=Affine(mixture.inputs, shift=strength))

    def inside(self, strength, mixture):
        return False


def test_a_probe_that_changes_functions_and_inputs_has_a_gate_a_place():
    labels = [gate(Both(), strength, MIXTURE).label for strength in (0.0, 1.0)]
    assert len(set(labels)) == 2 and all(label.startswith("in-distribution, affine") for label in labels)


SUM = Combination(LINE, WAVE)
MADE_OF = {
    "an end": (Convex(), 1.0, MIXTURE, ["linear"]),
    "the middle": (Convex(), 0.3, MIXTURE, ["linear", "sinusoid"]),
    "the mixture has the sum": (Convex(), 0.5, Mixture([LINE, WAVE, SUM]), ["combination"]),
    "but not at this weight": (Convex(), 0.25, Mixture([LINE, WAVE, SUM]), ["linear", "sinusoid"]),
    "or with no share": (Convex(), 0.5, Mixture([LINE, WAVE, SUM], weights=[0.5, 0.5, 0]), ["linear", "sinusoid"]),
    "the probe's own": (Convex(first=WAVE, second=Polynomial()), 0.5, MIXTURE, ["sinusoid"]),
    "sinusoids": (Frequency(), 3.0, MIXTURE, ["sinusoid"]),
    "the first of two": (Amplitude(), 2.0, Mixture([LINE, WAVE, Sinusoid()]), ["sinusoid-1"]),
    "all": (Shift(), 1.0, MIXTURE, ["linear", "sinusoid"]),
    "but those without a share": (Shift(), 1.0, Mixture([LINE, WAVE], weights=[1, 0]), ["linear"]),
    "shares": (MixtureWeight(), 1.0, MIXTURE, ["linear"]),
    "the other share": (MixtureWeight(), 0.0, MIXTURE, ["sinusoid"]),
    "sums": (MixtureWeight(sums=True), 0.0, Mixture([LINE, WAVE, Polynomial()]), ["linear", "sinusoid"]),
    "a family of the mixture": (OtherFamily(family=WAVE), 1.0, MIXTURE, ["sinusoid"]),
    "a foreign one": (OtherFamily(family=Polynomial()), 1.0, MIXTURE, ["linear", "sinusoid"]),
}


@pytest.mark.parametrize("name", MADE_OF)
def test_what_functions_are_made_of(name):
    probe, strength, mixture, expected = MADE_OF[name]
    assert [mixture.family_names[number] for number in probe.made_of(strength, mixture)] == expected


LAWS = [
    Evenly(-1, 1), Evenly(-2, 2), Uniform(-5, 5), Uniform(-5, 5.5), Normal(), Normal(0, 2), Fixed(1.0),
    Fixed(1 / 3), Fixed(0.33333), Rayleigh(2.0), OneSided(), OneSided(share=0.5), OneSided(Normal()), SubInterval(),
    SubInterval(least=0.5), SubInterval(Normal(), least=0.5), Ordered(), Ordered(degree=-1.0), Skewed(),
    Skewed(rotated=False), Affine(), Affine(shift=1.0), Affine(factor=2.0), Mixed(), Mixed(Normal(), Uniform(-5, 5)),
    Mixed(other=Normal(0, 2)), OneSided(SubInterval()), OneSided(OneSided(share=0.5)),
]  # fmt: skip


def test_two_laws_have_two_names():
    names = [InDistribution(inputs=law).label for law in LAWS]
    same = [pair for pair in itertools.combinations(range(len(LAWS)), 2) if names[pair[0]] == names[pair[1]]]
    assert not same, [(LAWS[one], LAWS[other], names[one]) for one, other in same]
    assert InDistribution(inputs=Evenly(-1, 1), noise=0.0).label == "in-distribution, even contexts, noise-free"
    assert InDistribution(inputs=Uniform(-3, 3), noise=0.25).label == "in-distribution, uniform -3 to 3, noise 0.25"
    assert InDistribution(noise=1e-9).label != InDistribution(noise=2e-9).label
