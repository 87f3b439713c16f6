"""Parts of other packages are tried before anything is trained: what they return wrongly is one line."""

import jax
import jax.numpy as jnp
import pytest

from offprior import cli
from offprior.commands.trial_of_parts import problems_of
from offprior.families.combination import Combination
from offprior.families.family import Family
from offprior.families.linear import Linear
from offprior.families.token_process import TokenProcess
from offprior.input_laws.input_law import InputLaw, base_parameter
from offprior.laws.law import Law, LawLike, law
from offprior.mixture import Mixture
from offprior.models.model import Model
from offprior.models.transformer import Transformer
from offprior.parameter import parameter
from offprior.probes.convex import Convex


class Vee(Family):
    """|x| times a slope, as it should be."""

    scale: LawLike = parameter(1.0, "the slope", converter=law)

    @property
    def dimension(self):
        return 1

    def draw(self, key):
        return self.scale.sample(key)

    def value(self, task, x):
        return task * jnp.abs(x[0])


class Row(Vee):
    def value(self, task, x):
        return task * jnp.abs(x)


class Whole(Vee):
    def value(self, task, x):
        return jnp.sign(x[0]).astype(int)


class Torn(Vee):
    def draw(self, key):
        return self.no_such_thing


class Coin(TokenProcess):
    """Two tokens, as it should be."""

    vocabulary = 2

    def draw(self, key):
        return jax.random.uniform(key)

    def start(self, task):
        return jnp.int32(0)

    def next(self, task, state):
        return jnp.stack([task, 1 - task])

    def follow(self, task, state, token):
        return state


class Three(Coin):
    def next(self, task, state):
        return jnp.full(3, 1 / 3)


class Forgetful(Coin):
    def follow(self, task, state, token):
        return jnp.zeros(2)


class Exponential(Law):
    def quantile(self, u):
        return -jnp.log1p(-u)


class Logarithm(Law):
    def quantile(self, u):
        return jnp.log(u - 0.2)


class Falling(Law):
    def quantile(self, u):
        return -u


class Flat(Law):
    def quantile(self, u):
        return jnp.stack([u, u])


class Mirrored(InputLaw):
    base: Law = base_parameter()

    def change(self, key, context, queries):
        return -context, -queries


class Shortened(Mirrored):
    def change(self, key, context, queries):
        return context[1:], queries


class Halved(Mirrored):
    def change(self, key, context, queries):
        return context


class Theirs(Model):
    """A model that passes on ours."""

    def initialise(self, key, *, dimension, points, targets):
        inner = Transformer(layers=1, heads=2, width=16)
        return inner.initialise(key, dimension=dimension, points=points, targets=targets)

    def longest(self, points):
        return points


class Scalar(Theirs):
    def initialise(self, key, *, dimension, points, targets):
        network = super().initialise(key, dimension=dimension, points=points, targets=targets)

        class One(type(network)):
            def training_loss(self, *arguments, **named):
                losses, counted = super().training_loss(*arguments, **named)
                return losses.mean(), counted

        return remade(network, One)


class Alone(Theirs):
    """A model whose networks return their losses without saying which count."""

    def initialise(self, key, *, dimension, points, targets):
        network = super().initialise(key, dimension=dimension, points=points, targets=targets)

        class One(type(network)):
            def training_loss(self, *arguments, **named):
                return super().training_loss(*arguments, **named)[0]

        return remade(network, One)


def remade(network, kind):
    """The same weights as a network of another class."""
    one = object.__new__(kind)
    for name, value in vars(network).items():
        object.__setattr__(one, name, value)
    return one


class Still(Convex):
    def distribution(self, strength, mixture):
        return mixture.families


class Nowhere(Convex):
    def strengths(self, mixture):
        return ()


GOOD = (Mixture([Vee(), Linear()], inputs=Mirrored()), Transformer(), [Convex()])


def found(families=None, model=None, probes=(), **mixture):
    families = [Linear()] if families is None else families
    return [str(problem) for problem in problems_of(Mixture(families, **mixture), model or Transformer(), probes)]


def test_parts_that_keep_to_their_interfaces_are_right():
    assert not found([Coin()])
    assert not problems_of(*GOOD) and not found([Vee(scale=Exponential())], model=Theirs())


@pytest.mark.parametrize(
    ("recipe", "says"),
    [
        (
            {"families": [Linear(), Row()]},
            "mixture.families.1: value has to return real numbers of shape [], got float32[1]",
        ),
        ({"families": [Whole()]}, "mixture.families.0: value has to return real numbers of shape [], got int32[]"),
        ({"families": [Torn()]}, "mixture.families.0: draw fails: AttributeError: 'Torn' object has no attribute"),
        ({"families": [Three()]}, "mixture.families.0: next has to return real numbers of shape [2], got float32[3]"),
        (
            {"families": [Forgetful()]},
            "mixture.families.0: follow has to return a state like that of start",
        ),
        ({"families": [Combination(Linear(), Row())]}, "mixture.families.0.second: value has to return"),
        ({"families": [Vee(scale=Logarithm())]}, "mixture.families.0.scale: quantile has to be finite between 0 and 1"),
        ({"families": [Vee(scale=Falling())]}, "mixture.families.0.scale: quantile must not fall; at 0.1, 0.5, 0.9 it"),
        ({"families": [Linear()], "inputs": Flat()}, "mixture.inputs: quantile has to return real numbers of shape []"),
        ({"inputs": Shortened()}, "mixture.inputs: change has to return real numbers of shape [4, 1], got float32[3"),
        ({"inputs": Halved()}, "mixture.inputs: change has to return the inputs of the context and of the queries"),
        ({"model": Scalar()}, "model: training_loss has to return two arrays [prompts, predictions], got float32[]"),
        ({"model": Alone()}, "model: it does not keep to its interface: "),
        ({"families": [Linear(), Vee()], "probes": [Convex(), Still()]}, "probes.1: path has to return a mixture"),
        ({"probes": [Nowhere()]}, "probes.0: strengths returns no place to test at"),
    ],
)
def test_a_wrong_part_is_named_with_what_it_did(recipe, says):
    first, *others = found(**recipe)
    assert first.startswith(says) and "\n" not in first and not others


def test_all_mistakes_at_once():
    assert len(found([Row(), Whole(), Vee()], inputs=Shortened(), probes=[Nowhere()])) == 4


PACKAGE = """
import jax.numpy as jnp

from offprior.families.family import Family
from offprior.probes.convex import Convex


class Row(Family):
    'A family whose values are rows.'

    @property
    def dimension(self):
        return 1

    def draw(self, key):
        return jnp.ones(())

    def value(self, task, x):
        return task * x


class Wobble(Convex):
    'A probe that fails.'

    def path(self, strength, mixture):
        return mixture.no_such_thing
"""
RECIPE = """
title: Rows
mixture: {families: [row]}
model: {name: transformer, layers: 1, heads: 2, width: 16}
training: {steps: 1, batch: 2, points: 4}
evaluation: {lengths: [4]}
"""


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """The folder of a recipe that uses a package."""
    (tmp_path / "rows_of_theirs.py").write_text(PACKAGE)
    metadata = tmp_path / "rows_of_theirs-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: rows-of-theirs\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[offprior.families]\nrow = rows_of_theirs:Row\n[offprior.probes]\nwobble = rows_of_theirs:Wobble\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    return tmp_path


@pytest.mark.parametrize("command", ["validate", "run", "pretrain"])
def test_a_command_says_it_in_a_line_and_trains_nothing(theirs, capsys, command):
    assert cli.main([command, "mine.yaml"]) == 2
    told = capsys.readouterr().err
    assert "mine.yaml: mixture.families.0: value has to return real numbers of shape [], got float32[1]" in told
    assert len(told.strip().splitlines()) == 1 and not (theirs / "runs").exists()


def test_a_probe_that_fails_is_a_line(theirs, capsys):
    changes = ["--set", "mixture.families=[linear, sinusoid]", "--set", "probes=[wobble]"]
    assert cli.main(["validate", "mine.yaml", *changes]) == 2
    told = capsys.readouterr().err
    assert "mine.yaml: probes.0: the probe fails: AttributeError: 'Mixture' object has no attribute" in told
    assert len(told.strip().splitlines()) == 1
