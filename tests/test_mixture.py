# Converters take what users write, a number for a law; pyright sees the stored types alone, and no lengths of stars.
# pyright: reportArgumentType=false, reportCallIssue=false, reportAttributeAccessIssue=false
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from compilations import programs_compiled

from offprior.compute.randomness import fold, key_for
from offprior.errors import SettingError
from offprior.families.combination import Combination
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.input_laws.evenly import Evenly
from offprior.mixture import Mixture, draw_prompts, draw_sequences
from offprior.predictors.bayes import Bayes

KEY = jax.random.key(0)


def test_family_is_drawn_per_sequence_not_per_batch():
    for step in range(5):
        assert set(np.asarray(draw_sequences(Mixture(), fold(KEY, step), 64, 3).family)) == {0, 1}


@pytest.mark.parametrize("weights", [[0.5, 0.5], [0.27, 0.73], [1.0, 0.0]])
def test_realised_mixture_is_within_binomial_error_of_the_declared(weights):
    mixture = Mixture(weights=weights)
    share = weights[0]
    drawn = np.asarray(draw_sequences(mixture, KEY, 20_000, 2).family)
    assert abs((drawn == 0).mean() - share) <= 4 * np.sqrt(share * (1 - share) / 20_000)


def test_values_are_those_of_the_drawn_family():
    """Lines through the origin are lines; what is labelled a sinusoid has the frequency it says."""
    batch = draw_sequences(Mixture(noise=0.0), KEY, 200, 30)
    x, values = np.asarray(batch.x[..., 0], np.float64), np.asarray(batch.values, np.float64)
    line = np.asarray(batch.family) == 0
    slopes = (x * values).sum(1) / (x**2).sum(1)
    assert np.abs(values - slopes[:, None] * x)[line].max() < 1e-4
    assert np.isnan(batch.frequency[line]).all()
    for place in np.flatnonzero(~line)[:20]:
        angle = float(batch.frequency[place]) * x[place]
        columns = np.stack([np.sin(angle), np.cos(angle)], axis=1)
        fitted = columns @ np.linalg.lstsq(columns, values[place], rcond=None)[0]
        np.testing.assert_allclose(fitted, values[place], atol=1e-4)


def test_mixture_weights_change_the_batch():
    """Weights were ignored for two years elsewhere, because of a misspelt key."""
    batches = [draw_sequences(Mixture(weights=weights), KEY, 64, 5) for weights in ([0.5, 0.5], [0.9, 0.1])]
    assert not np.array_equal(batches[0].values, batches[1].values)


def test_same_key_same_batch_and_another_key_another():
    mixture = Mixture()
    one, other, third = (draw_sequences(mixture, key_for(0, "training", step), 32, 5) for step in (3, 3, 4))
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
    assert not np.array_equal(one.y, third.y)
    eager = mixture.sequences(key_for(0, "training", 3), 32, 5)
    np.testing.assert_allclose(eager.y, one.y, rtol=2e-5, atol=1e-5)


def test_keys_are_addressed_by_name_and_number():
    addresses = [(0,), (1,), (0, "a"), (0, "b"), (0, "a", 1), (0, "a", 2), (0, 1, "a")]
    data = [jax.random.key_data(key_for(*address)).tolist() for address in addresses]
    assert len({tuple(each) for each in data}) == len(data)
    traced = jax.jit(lambda step: jax.random.key_data(key_for(0, "a", step)))(jnp.asarray(2, jnp.int32))
    assert traced.tolist() == data[5]
    # Stable for ever: a run of today can be repeated by the version of tomorrow.
    assert jax.random.key_data(key_for(0, "training", 7)).tolist() == [537136015, 2861448763]


def test_noise_is_what_was_asked_for():
    batch = draw_sequences(Mixture(noise=0.3), KEY, 2000, 10)
    assert np.std(np.asarray(batch.y - batch.values)) == pytest.approx(0.3, rel=0.02)
    silent = draw_sequences(Mixture(noise=0.0), KEY, 2000, 10)
    np.testing.assert_array_equal(silent.y, silent.values)


@pytest.mark.parametrize("noise", [1e-9, 1e-7, 1e-3, 0.1, 3.0])
def test_any_noise_is_honoured(noise):
    assert Mixture(noise=noise).bayes_noise == noise == Bayes(Mixture([Linear()], noise=noise)).noise


def test_the_floor_is_for_no_noise_and_relative_to_the_values():
    for unit in (1e-6, 1.0, 1e4):
        quiet = Mixture([Linear(scale=unit)], inputs=(-3.0, 3.0), noise=0.0)
        assert float(quiet.scale) == pytest.approx(3**0.5 * unit, rel=0.05)
        assert quiet.bayes_noise == pytest.approx(1e-3 * quiet.scale)
        assert quiet.changed(noise_floor=0.02).bayes_noise == pytest.approx(0.02 * quiet.scale)
    nothing = Mixture([Grid(slope=(0.0,), offset=(0.0,))], noise=0.0)
    assert nothing.scale == 1 and nothing.bayes_noise == 1e-3


def test_a_mixture_equals_its_like_after_its_scale_was_asked_for():
    """An atlas leaves out places whose mixture is the plain one, which it would otherwise evaluate a second time."""
    asked, fresh = (Mixture([Linear(dimension=2)], noise=0.0) for _ in range(2))
    assert asked.scale > 0 and asked.bayes_noise > 0
    assert jax.tree.structure(asked) == jax.tree.structure(fresh)
    assert eqx.tree_equal(asked, fresh) and eqx.tree_equal(asked, asked.changed())


def test_the_scale_is_the_same_again_and_inside_a_program():
    mixture = Mixture([Linear(), Sinusoid()], [0.3, 0.7], noise=0.0)
    assert mixture.scale == Mixture([Linear(), Sinusoid()], [0.3, 0.7], noise=0.1).scale == mixture.scale

    def floor(noise: jax.Array, slope: jax.Array) -> jax.Array:
        return Mixture([Linear(scale=slope), Sinusoid()], [0.3, 0.7], noise=noise).bayes_noise

    found = jax.jit(jax.vmap(floor))(jnp.asarray([0.0, 1e-7]), jnp.ones(2))
    np.testing.assert_allclose(found, [mixture.bayes_noise, 1e-7], rtol=0.06)

    @jax.jit
    def constant(x: jax.Array) -> jax.Array:  # of a mixture whose numbers are known
        return x * mixture.changed().bayes_noise

    assert float(constant(jnp.ones(()))) == pytest.approx(mixture.bayes_noise, rel=1e-6)


def test_prompts_have_noisy_contexts_and_exact_truths():
    prompts = draw_prompts(Mixture(), KEY, 50, 8, 6)
    assert [a.shape for a in prompts[:4]] == [(50, 8, 1), (50, 8), (50, 6, 1), (50, 6)]
    line = np.asarray(prompts.family) == 0
    slope = np.asarray(prompts.truth / prompts.queries[..., 0])[line]
    np.testing.assert_allclose(slope, np.tile(slope[:, :1], 6), rtol=1e-4)
    residual = np.asarray(prompts.y)[line] - slope[:, :1] * np.asarray(prompts.x[..., 0])[line]
    assert residual.std() == pytest.approx(0.1, rel=0.2)


def test_evenly_spaced_prompts():
    prompts = Mixture(inputs=Evenly(-1.0, 1.0)).prompts(KEY, 3, 5, 9)
    np.testing.assert_allclose(np.sort(prompts.x[..., 0], axis=1), np.tile(np.linspace(-1, 1, 5), (3, 1)), atol=1e-6)
    np.testing.assert_allclose(prompts.queries[0, :, 0], np.linspace(-1, 1, 9), atol=1e-6)


@pytest.mark.parametrize("wide", [False, True])
def test_prompts_are_in_single_precision_whatever_the_process(wide):
    with jax.enable_x64(wide):
        batch = draw_sequences(Mixture(), KEY, 4, 3)
    assert {str(batch.x.dtype), str(batch.y.dtype), str(batch.values.dtype)} == {"float32"}


def test_weights_and_noise_are_leaves_of_one_program():
    mixture = Mixture()

    def share(weights: jax.Array) -> jax.Array:
        return (Mixture(mixture.families, weights).sequences(KEY, 400, 2).family == 0).mean()

    shares = jax.vmap(share)(jnp.asarray([[1.0, 0.0], [0.2, 0.8], [0.0, 1.0]]))
    assert shares[0] == 1 and shares[2] == 0 and abs(shares[1] - 0.2) < 0.1
    draw_sequences(mixture, KEY, 4, 3)
    programs = programs_compiled()
    draw_sequences(Mixture([Linear(scale=2.0), Sinusoid(frequency=(0.5, 1.5))], [0.1, 0.9], (-1, 1), 0.2), KEY, 4, 3)
    assert programs_compiled() == programs


@pytest.mark.parametrize(
    "weights, message",
    [
        ([0.5, -0.5], "at least 0"),
        ([0.0, 0.0], "sum to 0"),
        ([1.0], "got 1 weights for 2 families"),
        ([0.5, float("nan")], "finite"),
    ],
)
def test_bad_weights_are_named(weights, message):
    with pytest.raises(SettingError, match=message) as caught:
        Mixture(weights=weights)
    assert caught.value.problems[0].key == "weights"


def test_families_of_one_dimension_only():
    with pytest.raises(SettingError, match=r"families\.1\.dimension"):
        Mixture([Linear(dimension=2), Sinusoid()])
    with pytest.raises(SettingError, match="at least one"):
        Mixture([])
    assert Mixture([Linear(dimension=3)]).sequences(KEY, 2, 4).x.shape == (2, 4, 3)


def test_names_of_families_are_told_apart():
    assert Mixture().family_names == ["linear", "sinusoid"]
    wave = Grid(slope=(0.0,), amplitude=(0.2,))
    assert Mixture([Grid(), wave, Combination()]).family_names == ["line-grid", "sinusoid-grid", "combination"]
    assert Mixture([Linear(), Sinusoid(), Linear(scale=2.0)]).family_names == ["linear-1", "sinusoid", "linear-2"]


@pytest.mark.parametrize("weights", [[1, 1], [3, 1], [0.5, 0.6], [0.5, 0.4], [0.2, 0.2], [1e-9, 1e-9], [2, 0], [7, 5]])
def test_weights_that_do_not_sum_to_one_are_refused_and_their_shares_named(weights):
    with pytest.raises(SettingError, match=r"weights: must sum to 1, but .* normalised, they are \[") as caught:
        Mixture(weights=weights)
    shares = yaml.safe_load(str(caught.value).rpartition("normalised, they are ")[2])
    np.testing.assert_allclose(shares, np.asarray(weights) / np.sum(weights), atol=2e-6)
    np.testing.assert_allclose(
        Mixture(weights=shares).weights, shares, rtol=1e-6
    )  # what is named is accepted, silently


@pytest.mark.parametrize("count", [2, 3, 6, 7, 11])
def test_rounding_is_no_mistake_and_what_is_made_of_it_is_said(count):
    families = [Linear()] * count
    exact = np.full(count, 1 / count)
    np.testing.assert_allclose(Mixture(families, weights=exact).weights, exact, rtol=1e-6)
    np.testing.assert_array_equal(
        Mixture(families, weights=exact.astype(np.float32)).weights, Mixture(families).weights
    )
    rounded = exact.round(3)
    if abs(rounded.sum() - 1) > 1e-6:
        with pytest.warns(UserWarning, match=r"weights: .* sum to .*; they are replaced by"):
            np.testing.assert_allclose(Mixture(families, weights=rounded).weights, exact, rtol=1e-6)


def test_a_mixtures_text_has_its_numbers():
    text = repr(Mixture(weights=[0.3, 0.7], noise=0.25))
    assert "weights=[0.3, 0.7]" in text and "noise=0.25" in text
    seen = []
    jax.vmap(lambda w: seen.append(repr(Mixture(weights=w))) or w)(jnp.ones((2, 2)))
    assert "weights=f32[2]" in seen[0]  # of numbers that a program traces, the shape
    assert "weights=f32[40]" in repr(Mixture([Linear()] * 40))


def test_a_gradient_goes_through_what_is_drawn():
    """Outside of any program, where draws are compiled by themselves."""

    def total(noise):
        return Mixture([Linear()], noise=1.0).changed(noise=noise).prompts(jax.random.key(0), 2, 3, 1).y.sum()

    step = 1e-2
    slope = (total(1.0 + step) - total(1.0 - step)) / (2 * step)
    assert float(jax.grad(total)(1.0)) == pytest.approx(float(slope), rel=1e-2)
