"""The scripts of a page without a server, in a real browser: what they compute is what the package computes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from explored import CHROMIUM
from kinds import FUNCTION_FAMILIES

from offprior import catalog
from offprior.components import NoClosedForm
from offprior.compute.randomness import key_for
from offprior.explorer.static_arrays import packed, unpacked
from offprior.explorer.static_network import network_of
from offprior.explorer.static_page import ENGINE, SCRIPTS
from offprior.explorer.static_posterior import posterior_of
from offprior.explorer.static_program import SAME, Unsupported, program_of
from offprior.explorer.static_smoother import smoother_of
from offprior.families.combination import Combination
from offprior.families.grid import Grid
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.predictors._references import References
from offprior.predictors.pretrained import Pretrained
from offprior.predictors.smoother import Smoother
from offprior.probes.convex import Convex

in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")
PLACES = np.linspace(-6.0, 6.0, 31)
SWITCHES = {
    "demo": {"tokens": "paired", "attention": "context", "positions": "none", "norm": "post", "head": "buckets"},
    "deepmind": {
        "tokens": "alternating",
        "attention": "causal",
        "positions": "learned",
        "norm": "pre",
        "head": "value",
    },
    "gaussian": {"tokens": "paired", "attention": "causal", "norm": "pre", "head": "gaussian", "activation": "relu"},
    "instructed": {"tokens": "alternating", "attention": "context", "norm": "post", "instruction": 2},
    "one wide block": {"layers": 1, "heads": 1, "hidden": 20, "activation": "squared-relu", "head": "buckets"},
}


@pytest.fixture(scope="module")
def page():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        found = browser.new_page()
        for name in ENGINE:
            found.add_script_tag(content=(SCRIPTS / f"{name}.js").read_text(encoding="utf-8"))
        yield found
        browser.close()


def test_arrays_come_back_as_they_were():
    weights = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    assert np.array_equal(unpacked(packed(weights, "f4")), weights)
    exact = np.asarray([np.pi, -np.inf, 5e-324])
    assert np.array_equal(unpacked(packed(exact)), exact)
    with pytest.raises(ValueError, match=r"got 3 numbers for the shape \[4\]"):
        unpacked({**packed(exact), "shape": [4]})


@in_browser
def test_arrays_are_read_by_the_page(page):
    numbers = [np.pi, -1e-300, 0.1]
    read = page.evaluate("stored => Array.from(unpacked(stored))", packed(numbers))
    assert read == numbers
    single = page.evaluate("stored => Array.from(unpacked(stored))", packed(numbers, "f4"))
    assert single == np.asarray(numbers, np.float32).tolist()


@in_browser
def test_the_page_knows_every_operation_that_is_written(page):
    known = set(page.evaluate("() => Object.keys(ELEMENTARY)"))
    assert {*SAME.values(), "pow", "round", "select", "trunc"} <= known


@in_browser
@pytest.mark.parametrize(
    "function",
    [
        lambda u, x: jnp.where(x[0] < u, jnp.round(2.5 * x), jnp.floor(x)),
        lambda u, x: jnp.cumsum(jnp.concatenate([x, x**2, jnp.ones(1)]))[::-1],
        lambda u, x: jnp.asarray([[1.0, 2.0], [3.0, 4.0]]) @ jnp.append(x, u),
        lambda u, x: jnp.stack([jax.nn.sigmoid(x[0]), jax.scipy.special.ndtri(u), jnp.clip(x[0], -1.0, u)]),
        lambda u, x: jnp.asarray([5.0, 7.0, 11.0])[jnp.clip(jnp.floor(3 * u), 0, 2).astype(int)] * x,
    ],
)
def test_a_program_is_its_function(page, function):
    with jax.enable_x64(True):
        program = program_of(function, 0.5, np.zeros(1))._asdict()
        places, nodes = [-1.3, 0.2, 2.5], [0.1, 0.5, 0.9]
        wanted = np.asarray([[function(u, jnp.asarray([x])) for x in places] for u in nodes])
    call = "([program, nodes, xs]) => new Features(program).at(Float64Array.from(nodes), nodes.length, xs)"
    found = page.evaluate(f"(given) => ({call})(given).map(column => Array.from(column))", [program, nodes, places])
    np.testing.assert_allclose(np.asarray(found).T.reshape(wanted.shape), wanted, rtol=1e-13, atol=1e-13)


def test_what_the_page_does_not_know_is_refused():
    with pytest.raises(Unsupported, match="its features need sort, which a page without a server does not support"):
        program_of(lambda u, x: jnp.sort(jnp.append(x, u)), 0.5, np.zeros(1))


def of_one_input():
    """Every family of one input that has a closed form, and mixtures that ask more of the quadrature."""
    found = {}
    for name in FUNCTION_FAMILIES:
        family = catalog.find("families", name)()
        if family.dimension != 1:
            continue
        try:
            family.components(16)
        except NoClosedForm:
            continue
        found[name] = Mixture(families=[family], noise=0.1)
    waves = [Linear(intercept=True), Sinusoid(frequency=(0.5, 6.0), offset=(-1.0, 1.0))]
    found["little noise"] = Mixture(families=[Linear(), Sinusoid(frequency=(0.5, 6.0))], noise=0.01)
    found["two laws"] = Mixture(families=waves, weights=[0.2, 0.8], noise=0.2)
    found["a sum of two waves"] = Mixture(families=[Combination(Sinusoid(), Sinusoid(amplitude=1.0, phase=0.0))])
    few = Grid(slope=(0.0,), amplitude=(0.5,), frequency=(4.0, 6.0, 3.0), offset=(0.0,))
    found["a wave for each of three"] = Mixture(families=[Combination(few, Sinusoid())])
    return found


MIXTURES = of_one_input()


@in_browser
@pytest.mark.parametrize("name", MIXTURES)
def test_the_posterior_is_the_engines(page, name):
    mixture = MIXTURES[name]
    known = [Convex().distribution(0.5, mixture)] if name == "little noise" else []
    references = References(mixture, known)
    stored = posterior_of(references, PLACES)
    x, y = (np.asarray(each, np.float64) for each in mixture.prompts(key_for(1, name), 3, 15, 1)[:2])
    queries = np.broadcast_to(PLACES[:, None], (3, len(PLACES), 1))
    page.evaluate("stored => { globalThis.posterior = new Posterior(stored); }", stored)
    for count in (1, 15):
        exact = references.batch(x, y, queries, [count], variance=True)
        for prompt in range(3):
            points = np.stack([x[prompt, :count, 0], y[prompt, :count]], axis=1).tolist()
            found = page.evaluate(
                """([points, places]) => {
                    const known = posterior.of(points), { curves, variances } = posterior.predicted(known, places);
                    const lists = one => Object.fromEntries(Object.entries(one).map(([k, v]) => [k, Array.from(v)]));
                    const { probability, logEvidence } = known;
                    return { curves: lists(curves), variances: lists(variances), probability, logEvidence };
                }""",
                [points, PLACES.tolist()],
            )
            wanted = {"B": (exact.bayes_mean, exact.bayes_variance)}
            if known:
                wanted["C"] = (exact.combined_mean, exact.combined_variance)
            for label, (mean, variance) in wanted.items():
                np.testing.assert_allclose(found["curves"][label], mean[prompt, 0], atol=1e-6, rtol=1e-6)
                np.testing.assert_allclose(found["variances"][label], variance[prompt, 0], atol=1e-6, rtol=1e-6)
            for place, family in enumerate(mixture.family_names):
                of_class = exact.class_means[prompt, 0, place]
                np.testing.assert_allclose(found["curves"][f"class: {family}"], of_class, atol=1e-6, rtol=1e-6)
            np.testing.assert_allclose(found["probability"], exact.class_probability[prompt, 0], atol=1e-7)
            np.testing.assert_allclose(found["logEvidence"], exact.log_evidence[prompt, 0], rtol=1e-7, atol=1e-7)


def untrained(**switches):
    """A small transformer whose biases and scales are as uneven as a trained one's."""
    settings = Transformer(**{"layers": 2, "heads": 2, "width": 12, "buckets": 13, **switches})
    network = settings.initialise(jax.random.key(0), dimension=1, points=9, targets=jnp.linspace(-2, 2, 64))
    arrays, rest = eqx.partition(network, eqx.is_array)
    leaves, shape = jax.tree.flatten(arrays)
    keys = jax.random.split(jax.random.key(1), len(leaves))
    leaves = [leaf + 0.1 * jax.random.normal(key, leaf.shape) for key, leaf in zip(keys, leaves, strict=True)]
    moved = eqx.combine(jax.tree.unflatten(shape, leaves), rest)
    if settings.head == "buckets":
        fixed = lambda one: (one.head.borders, one.head.tails)  # noqa: E731
        moved = eqx.tree_at(fixed, moved, fixed(network))
    return Pretrained(moved, Mixture(noise=0.1), limit=settings.longest(9))


@in_browser
@pytest.mark.parametrize("has_kernel", [True, False])
@pytest.mark.parametrize("name", SWITCHES)
def test_the_forward_pass_is_the_models(page, name, has_kernel):
    model = untrained(**SWITCHES[name])
    x, y = np.random.default_rng(2).normal(size=(2, 9)).astype(np.float32)
    stored = network_of(model, "run")
    used = page.evaluate(
        """([stored, allows]) => {
            globalThis.network = new Network(stored, allows);
            return network.products.kernel !== null;
        }""",
        [stored, has_kernel],
    )
    assert used == has_kernel
    for count in (1, 4, 9):
        wanted = model.predict_batch(x[None, :, None], y[None], PLACES[None, :, None], [count])
        points = np.stack([x, y], axis=1)[:count].astype(float).tolist()
        mean, variance = page.evaluate(
            """([points, places]) => {
                const { mean, variance } = network.predicted(network.context(points), places);
                return [Array.from(mean), Array.from(variance)];
            }""",
            [points, PLACES.tolist()],
        )
        assert np.ptp(wanted.mean) > 0.05, "a flat curve would agree with anything"
        np.testing.assert_allclose(mean, wanted.mean[0, 0], atol=2e-5)
        np.testing.assert_allclose(variance, wanted.variance[0, 0], atol=1e-4, rtol=1e-4)


SMOOTHED = """([settings, points, queries]) => {
    const smoother = new Smoother(settings), { mean, variance } = smoother.predicted(smoother.of(points), queries);
    return [Array.from(mean), Array.from(variance)];
}"""


@in_browser
@pytest.mark.parametrize("count", [1, 2, 5, 20, 60])
def test_the_smoother_is_the_packages(page, count):
    """Waves, lines, noise, constants, values far from 0, two inputs that are the same, contexts of one side."""
    draw = np.random.default_rng(count)
    x = draw.uniform(-5, 5, count)
    noise = 0.1 * draw.normal(size=count)
    for inputs, y in (
        (x, np.sin(x) + noise),
        (np.sort(x) * 0.3 - 3, 0.7 * x + noise),
        (x, noise),
        (x, np.full(count, 3.0)),
        (x, 100 + np.sin(3 * x) + noise),
        (np.r_[x[:1], x[:-1]], x + np.sin(x) + noise),
    ):
        answer = Smoother().predict(inputs[:, None], y, PLACES[:, None])
        points = np.stack([inputs, y], axis=1).tolist()
        mean, variance = page.evaluate(SMOOTHED, [smoother_of(), points, PLACES.tolist()])
        size = np.abs(y).max()
        np.testing.assert_allclose(mean, answer.mean, atol=1e-6 * size)
        np.testing.assert_allclose(np.sqrt(variance), np.sqrt(answer.variance), atol=1e-6 * size)
