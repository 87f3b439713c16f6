# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
import math
from fractions import Fraction

import jax
import numpy as np
import pytest

from offprior.components import NoClosedForm
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.laws.rayleigh import Rayleigh
from offprior.mixture import Mixture, draw_prompts
from offprior.predictors._references import References
from offprior.predictors.bayes import Bayes
from offprior.predictors.least_squares import LeastSquares
from offprior.prompt_check import one_prompt

KEY = jax.random.key(0)


def drawn(mixture, count=256, length=40, queries=24, key=KEY):
    return tuple(np.asarray(array, np.float64) for array in draw_prompts(mixture, key, count, length, queries)[:4])


@pytest.mark.parametrize(
    "points, probability, of_mixture, of_sinusoids, of_lines",
    [(10, 0.725, 0.255, 0.386, 0.400), (40, 0.961, 0.350, None, None)],
)
def test_the_prior_of_2024(points, probability, of_mixture, of_sinusoids, of_lines):
    """The optimal predictor itself fails on Müller's sum, by as much as was published for it: to three digits."""
    wave = Grid(slope=(0.0,), amplitude=(0.2,), frequency=(3 * np.pi,), offset=(0.0, 1.0, 101.0))
    bayes = Bayes(Mixture([Grid(), wave], inputs=(-1.0, 1.0), noise=0.1))
    x, queries = np.linspace(-1, 1, points)[:, None], np.linspace(-1, 1, 201)[:, None]
    y, truth = (0.2 * np.sin(3 * np.pi * at[:, 0]) + 0.23 * at[:, 0] for at in (x, queries))
    assert round(float(bayes.family_posterior(x, y)[1]), 3) == probability

    def error(mean):
        return round(float(((mean - truth) ** 2).mean() / truth.var()), 3)

    assert error(bayes.predict(x, y, queries).mean) == of_mixture
    if of_sinusoids is not None:
        classes = bayes.classes(x[None], y[None], queries[None], [points])
        assert (error(classes.mean[0, 0, 1]), error(classes.mean[0, 0, 0])) == (of_sinusoids, of_lines)


def test_the_optimum_fails_in_the_middle_and_a_prior_with_sums_nowhere():
    families = [Linear(), Sinusoid()]
    setting = {"inputs": (-3.0, 3.0), "noise": 0.02}
    strengths = (0.0, 0.25, 0.5, 0.75, 1.0)
    probes = [Mixture([Combination(*families, a)], **setting) for a in strengths]
    references = References(Mixture(families, **setting), probes)
    b, c = [], []
    for number, probe in enumerate(probes):
        x, y, queries, truth = drawn(probe, key=jax.random.fold_in(KEY, number))
        found = references.batch(x, y, queries, [40])
        b.append(((found.bayes_mean[:, 0] - truth) ** 2).mean() / truth.var())
        c.append(((found.combined_mean[:, 0] - truth) ** 2).mean() / truth.var())
    assert b[0] <= 0.001 and b[4] <= 0.001
    assert b[1] > 0.1 and b[2] > 0.1 and 0.01 < b[3] < 0.1
    assert max(c) <= 0.001


def test_bayes_is_not_beaten_on_its_own_prior():
    """By least squares, by any single class, by the wrong noise, by the wrong weights; and it knows its own error."""
    mixture = Mixture(weights=[0.3, 0.7], noise=0.2)
    x, y, queries, truth = drawn(mixture, count=400)
    lengths = [2, 5, 20]
    bayes = Bayes(mixture)
    answer = bayes.predict_batch(x, y, queries, lengths)
    ours = ((answer.mean - truth[:, None]) ** 2).mean(-1)
    rivals = [
        LeastSquares(),
        LeastSquares(intercept=True),
        Bayes(mixture, noise=0.02),
        Bayes(mixture, noise=1.0),
        Bayes(Mixture(weights=[0.95, 0.05], noise=0.2)),
        *(Bayes(Mixture([family], noise=0.2)) for family in mixture.families),
    ]
    for rival in rivals:
        theirs = ((rival.predict_batch(x, y, queries, lengths).mean - truth[:, None]) ** 2).mean(-1)
        gain = ours - theirs
        assert (gain.mean(0) <= 2 * gain.std(0) / np.sqrt(len(gain))).all(), rival.label
    surprise = (ours - answer.variance.mean(-1)).mean(0)
    assert (np.abs(surprise) < 4 * ours.std(0) / np.sqrt(len(ours))).all()


def test_noise_floor_stands_in_for_no_noise():
    quiet = Mixture(noise=0.0)
    assert Bayes(quiet).noise == pytest.approx(1e-3 * quiet.scale) and 1.5 < quiet.scale < 3
    assert Bayes(Mixture(noise=0.0), noise=1e-2).noise == 1e-2
    x, y, queries, truth = drawn(Mixture(noise=0.0), count=4, length=12)
    answer = Bayes(Mixture(noise=0.0)).predict_batch(x, y, queries, [12])
    assert np.abs(answer.mean[:, 0] - truth).max() < 0.02
    with pytest.raises(SettingError, match="noise"):
        Bayes(Mixture(), noise=0.0)


def test_data_in_small_units_are_told_apart_as_in_large_ones():
    """The same lines and waves in another unit, the noise with them: the same posterior, at a noise of 1e-7 too."""
    posteriors, means = [], []
    x, queries = np.linspace(-3, 3, 12)[:, None], np.asarray([[0.3], [2.2]])
    y = 0.7 * np.sin(2 * x[:, 0] + 0.4) + 0.1 * np.cos(9 * x[:, 0])
    for unit in (1.0, 1e-6):
        families = [Linear(scale=unit), Sinusoid(amplitude=Rayleigh(unit))]
        bayes = Bayes(Mixture(families, noise=0.1 * unit))
        posteriors.append(bayes.family_posterior(x, unit * y))
        means.append(bayes.predict(x, unit * y, queries).mean / unit)
        assert bayes.noise == 0.1 * unit
    np.testing.assert_allclose(posteriors[1], posteriors[0], rtol=1e-6)
    np.testing.assert_allclose(means[1], means[0], rtol=1e-6)
    assert posteriors[0][0] < 1e-20


@pytest.mark.parametrize("ratio, right_to", [(1e-3, 1e-7), (1e-5, 1e-3), (1e-6, 0.1)])
def test_evidence_at_little_noise_is_as_right_as_it_is_said_to_be(ratio, right_to):
    """Against Gaussian elimination in rational numbers."""
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(8, 3)), rng.normal(size=3)
    y = x @ w + ratio * rng.normal(size=8)
    rows = [[Fraction(value) for value in row] for row in x]
    square = Fraction(ratio) ** 2
    matrix = [[sum(a * b for a, b in zip(r, s, strict=True)) for s in rows] for r in rows]
    matrix = [
        [value + square * (i == j) for j, value in enumerate(row)] + [Fraction(y[i])] for i, row in enumerate(matrix)
    ]
    log_determinant = misfit = 0.0
    for i in range(8):  # without pivots: the matrix is positive definite
        pivot, rest = matrix[i][i], matrix[i][-1]
        log_determinant += math.log(pivot)
        misfit += float(rest**2 / pivot)
        for j in range(i + 1, 8):
            factor = matrix[j][i] / pivot
            matrix[j] = [one - factor * other for one, other in zip(matrix[j], matrix[i], strict=True)]
    wanted = -(misfit + log_determinant + 8 * math.log(2 * math.pi)) / 2
    found = Bayes(Mixture([Linear(dimension=3)], noise=ratio)).log_evidence(x, y)
    assert abs(found - wanted) < right_to


def test_references_say_what_the_predictors_say():
    mixture = Mixture(weights=[0.4, 0.6])
    probes = [Mixture([Combination(Linear(), Sinusoid(), a)]) for a in (0.25, 0.5)]
    x, y, queries, truth = drawn(probes[1], count=5, length=12)
    found = References(mixture, probes).batch(x, y, queries, [3, 12], variance=True)
    bayes, combined = Bayes(mixture), Bayes.including(mixture, probes)
    for predictor, mean, variance in (
        (bayes, found.bayes_mean, found.bayes_variance),
        (combined, found.combined_mean, found.combined_variance),
    ):
        answer = predictor.predict_batch(x, y, queries, [3, 12])
        np.testing.assert_allclose(answer.mean, mean, atol=1e-7)
        np.testing.assert_allclose(answer.variance, variance, atol=1e-7)
    assert combined.label == "C" and len(combined.groups) == 3
    np.testing.assert_allclose(combined.weights, [0.2, 0.3, 0.5])
    np.testing.assert_allclose(found.class_probability[2, 1], bayes.family_posterior(x[2], y[2]), atol=1e-7)
    assert found.log_evidence[2, 1] == pytest.approx(bayes.log_evidence(x[2], y[2]), abs=1e-6)
    np.testing.assert_allclose(found.class_means, bayes.classes(x, y, queries, [3, 12]).mean, atol=1e-7)
    weighted = (found.class_probability[..., None] * found.class_means).sum(2)
    np.testing.assert_allclose(weighted, found.bayes_mean, atol=1e-9)
    # C is the Bayes predictor of the mixture written out by hand.
    members = [*mixture.families, *(probe.families[0] for probe in probes)]
    by_hand = Bayes(Mixture(members, weights=[0.2, 0.3, 0.25, 0.25])).predict_batch(x, y, queries, [3, 12])
    np.testing.assert_allclose(by_hand.mean, found.combined_mean, atol=1e-6)
    assert References(mixture, probes).best_fits(queries, truth).shape == (5, 2, 24)


def test_probes_inside_the_mixture_change_its_weights_only():
    """Shares of the first family as a probe: C's groups are the mixture's own."""
    mixture = Mixture()
    probes = [Mixture(weights=[share, 1 - share]) for share in (0.0, 0.5, 0.9)]
    combined = Bayes.including(mixture, probes)
    assert len(combined.groups) == 2
    np.testing.assert_allclose(combined.weights[0], 0.25 + (0.0 + 0.5 + 0.9) / 6, atol=1e-6)


def test_frequencies_as_a_probe_are_nodes_of_one_group():
    probes = [Mixture([Sinusoid(frequency=float(omega))]) for omega in (0.5, 1.0, 4.0)]
    combined = Bayes.including(Mixture(), probes)
    assert len(combined.groups) == 3 and combined.groups[2].node_count == 3
    np.testing.assert_allclose(np.exp(combined.groups[2].log_weights), 1 / 3)
    x = np.linspace(-4, 4, 20)[:, None]
    y = np.sin(4.0 * x[:, 0])
    assert np.abs(combined.predict(x, y, x).mean - y).max() < 0.1
    assert combined.family_posterior(x, y).sum() < 1e-6


def test_the_quadrature_is_checked_against_twice_the_nodes():
    mixture = Mixture(noise=0.02, inputs=(-3.0, 3.0))
    x, y, queries, _ = drawn(mixture, count=16)
    assert 0 < Bayes(mixture).quadrature_gap(x, y, queries, [5, 40]) < 0.02 / 1000


def test_one_prompt_is_a_batch_of_one():
    x, y, queries, _ = drawn(Mixture(), count=3, length=9)
    bayes = Bayes(Mixture())
    one, all_ = bayes.predict(x[1], y[1], queries[1]), bayes.predict_batch(x, y, queries, [9])
    np.testing.assert_allclose(one.mean, all_.mean[1, 0], atol=1e-8)
    np.testing.assert_allclose(one.variance, all_.variance[1, 0], atol=1e-8)
    with pytest.raises(ValueError, match=r"numbers are inputs \[n, 1\]"):
        one_prompt(y[1], y[1], queries[1])
    assert bayes.family_posterior(x[1], y[1]).sum() == pytest.approx(1)


def test_a_family_never_drawn_is_never_believed():
    x, y, _, _ = drawn(Mixture([Sinusoid()]), count=1)
    assert Bayes(Mixture(weights=[1.0, 0.0])).family_posterior(x[0], y[0]).tolist() == [1.0, 0.0]


def test_shares_have_to_leave_something():
    with pytest.raises(SettingError, match="extra"):
        Bayes(Mixture(), extra=[(1.0, Mixture())])


def test_families_without_a_closed_form_say_so():
    class Steep(Family):
        dimension: int = 1

        def draw(self, key):
            return jax.random.normal(key)

        def value(self, task, x):
            return jax.numpy.tanh(task * x[0])

    with pytest.raises(NoClosedForm, match="no exact posterior"):
        Bayes(Mixture([Steep()]))


def test_least_squares_is_numpys():
    x, y, queries, truth = drawn(Mixture([Linear(dimension=3, intercept=True)], noise=0.3), count=300, length=12)
    answer = LeastSquares(intercept=True).predict_batch(x, y, queries, [2, 12])
    columns, asked = (np.concatenate([at, np.ones((*at.shape[:2], 1))], axis=2) for at in (x, queries))
    for place, length in enumerate((2, 12)):
        solution = np.linalg.lstsq(columns[0, :length], y[0, :length], rcond=None)[0]
        np.testing.assert_allclose(answer.mean[0, place], asked[0] @ solution, atol=1e-9)
    assert np.isnan(answer.variance[:, 0]).all()
    ratio = ((answer.mean[:, 1] - truth) ** 2).mean() / answer.variance[:, 1].mean()
    assert 0.8 < ratio < 1.25
