"""Laws of a prompt's inputs made from another law: moved, skewed, in a subspace, in orthants, in order, mixed.

They look at a prompt as a whole, so that its inputs can depend on each other and its queries on its context. The draws
of the law they are made from stay those that it alone would give for the same key.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.laws import Law, Normal, Uniform, law
from offprior.parameter import Scalar, parameter
from offprior.randomness import fold

Inputs = Float[Array, "_inputs d"]


class InputLaw(Law):
    """A law of inputs made from another law, for both sides of a prompt at once."""

    base: eqx.AbstractVar[Law]

    @abc.abstractmethod
    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        """Inputs of one prompt from those that `base` gives; `key` is for what one prompt draws once."""

    @property
    def nested(self) -> bool:
        return self.base.nested

    def distribution(self) -> dist.Distribution:
        """The distribution of a coordinate under `base`."""
        return self.base.distribution()

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        """Quantile of a coordinate under `base`."""
        return self.base.quantile(u)

    def scaled(self, factor: Scalar) -> Law:
        return Affine(self, factor)  # pyright: ignore[reportCallIssue]

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """`shape` [n, d]: the context of one prompt."""
        if len(shape) != 2:
            raise SettingError("it is a law of inputs, not of a parameter; choose uniform or normal")
        return self.inputs(key, *shape)

    def inputs(self, key: PRNGKeyArray, n: int, d: int) -> Inputs:
        return self.prompt(key, fold(key, "queries"), n, 0, d)[0]

    def queries(self, key: PRNGKeyArray, m: int, d: int) -> Inputs:
        """Queries of a prompt without a context."""
        return self.prompt(fold(key, "context"), key, 0, m, d)[1]

    def prompt(
        self, of_context: PRNGKeyArray, of_queries: PRNGKeyArray, n: int, m: int, d: int
    ) -> tuple[Inputs, Inputs]:
        return self.changed(of_context, *self.base.prompt(of_context, of_queries, n, m, d))

    def changed(self, of_context: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        """`change`, with a key that is this law's own, made from that of the context."""
        return self.change(fold(of_context, type(self).__name__), context, queries)


def base_parameter():
    """The parameter `base` that every law of inputs has."""
    return parameter(Uniform(-5.0, 5.0), "the law that it is made from", converter=law)


def degree_parameter(doc: str, minimum: float = 0.0):
    """How far a law departs from the one it is made from: 0 is not at all, 1 wholly."""
    return parameter(1.0, f"{doc}; 0 is no change", minimum=minimum, maximum=1)


class Affine(InputLaw):
    """Inputs only: factor·x + shift."""

    base: Law = base_parameter()
    factor: Scalar = parameter(1.0, "what x is multiplied by", above=0)
    shift: Scalar = parameter(0.0, "what is added then")

    def distribution(self) -> dist.Distribution:
        moved = dist.transforms.AffineTransform(self.shift, self.factor)
        return dist.TransformedDistribution(self.base.distribution(), moved)

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        return self.factor * self.base.quantile(u) + self.shift

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        return self.factor * context + self.shift, self.factor * queries + self.shift


class Skewed(InputLaw):
    """Inputs only: a covariance with eigenvalues ∝ 1/iᵖ about 0, drawn for each prompt (arXiv 2208.01066, section 4).

    Their sum is that of `base`. Without rotation the i-th eigenvalue is that of a coordinate, in random order.
    """

    base: Law = base_parameter()
    power: Scalar = parameter(2.0, "p", minimum=0)
    rotated: bool = parameter(True, "is the eigenbasis random? else it is the coordinates")

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        d, kind = context.shape[1], context.dtype
        eigenvalues = jnp.arange(1, d + 1, dtype=kind) ** -jnp.asarray(self.power, kind)
        stretch = jnp.sqrt(d * eigenvalues / eigenvalues.sum())
        if self.rotated:
            basis = jax.random.orthogonal(key, d, dtype=kind)
            matrix = (basis * stretch[None]) @ basis.T
        else:
            matrix = jnp.diag(jax.random.permutation(key, stretch))
        return context @ matrix, queries @ matrix


class Subspace(InputLaw):
    """Inputs only: in a random subspace of `rank` dimensions, of the same mean square (arXiv 2208.01066, section 4)."""

    base: Law = base_parameter()
    rank: int = parameter(1, "dimensions of the subspace, drawn for each prompt", minimum=1)

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        d = context.shape[1]
        _check_coordinates("rank", self.rank, d)
        basis = jax.random.orthogonal(key, d, dtype=context.dtype)[:, : self.rank]
        matrix = (d / self.rank) ** 0.5 * basis @ basis.T
        return context @ matrix, queries @ matrix


class FirstCoordinates(InputLaw):
    """Inputs only: all but the first few coordinates are 0 (the curriculum of arXiv 2208.01066)."""

    base: Law = base_parameter()
    used: int = parameter(1, "coordinates that are kept", minimum=1)

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        _check_coordinates("used", self.used, context.shape[1])
        kept = jnp.arange(context.shape[1]) < self.used
        return jnp.where(kept[None], context, 0), jnp.where(kept[None], queries, 0)


class OppositeOrthants(InputLaw):
    """Inputs only: contexts in one random orthant about the median, queries in the opposite (arXiv 2208.01066)."""

    base: Law = base_parameter()
    degree: Scalar = degree_parameter("share of the coordinates that are moved to their orthant")

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        kind, middle = context.dtype, self.base.quantile(jnp.asarray(0.5, context.dtype))
        sign = jax.random.rademacher(fold(key, "signs"), (1, context.shape[1]), kind)

        def moved(side: str, x: Inputs, sign: Array) -> Inputs:
            chosen = jax.random.uniform(fold(key, side), x.shape, kind) < self.degree
            return jnp.where(chosen, middle + sign * jnp.abs(x - middle), x)

        return moved("context", context, sign), moved("queries", queries, -sign)


class OrthogonalQueries(InputLaw):
    """Inputs only: queries orthogonal to all inputs of their context, lengths kept (arXiv 2208.01066, section 4).

    Raises:
        SettingError: the context has as many inputs as they have coordinates, or more.
    """

    base: Law = base_parameter()
    degree: Scalar = degree_parameter("share of the queries' part inside the context's span that is taken away")

    @property
    def nested(self) -> bool:
        return False

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        (n, d), m = context.shape, len(queries)
        if n == 0 or m == 0:
            return context, queries
        if n >= d:
            message = f"no direction of {d} is orthogonal to a context of {n} inputs; test shorter contexts"
            raise SettingError(Problem("inputs", message))
        basis, _ = jnp.linalg.qr(context.T)
        within = queries @ basis @ basis.T
        rest = queries - within
        rest = rest - rest @ basis @ basis.T  # what rounding left of the span, where little is outside it
        turned = (1 - self.degree) * within + rest
        length, now = (jnp.linalg.norm(x, axis=1, keepdims=True) for x in (queries, turned))
        return context, turned * (length / now)


class Ordered(InputLaw):
    """Inputs only: contexts sorted by their first coordinate, wholly or in part, downwards where negative."""

    base: Law = base_parameter()
    degree: Scalar = degree_parameter("1 ascending, −1 descending, between them partly sorted", minimum=-1.0)

    @property
    def nested(self) -> bool:
        return False

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        n, kind = len(context), context.dtype
        place = _ranks(context[:, 0]).astype(kind) / max(n, 1)
        by_chance = jax.random.uniform(key, (n,), kind)
        score = self.degree * place + (1 - jnp.abs(jnp.asarray(self.degree, kind))) * by_chance
        return context[jnp.argsort(score)], queries


class Evened(InputLaw):
    """Inputs only: contexts moved towards evenly spaced points, each to that of its rank; queries are as before.

    The points include the ends of a law that has ends; of others they have equal shares of the mass between them.
    """

    base: Law = base_parameter()
    degree: Scalar = degree_parameter("share of the way that is gone")

    @property
    def nested(self) -> bool:
        return False

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        n = len(context)
        if n == 0:
            return context, queries
        target = self.places(n).astype(context.dtype)[jax.vmap(_ranks, 1, 1)(context)]
        return context + self.degree * (target - context), queries

    def places(self, n: int) -> Float[Array, " n"]:
        """The points, in order."""
        if isinstance(self.base, Uniform):
            at = jnp.arange(n, dtype=float) / (n - 1) if n > 1 else jnp.full((n,), 0.5)
        else:
            at = (jnp.arange(n, dtype=float) + 0.5) / n
        return jax.vmap(self.base.quantile)(at)


class Mixed(InputLaw):
    """Inputs only: each is of another law with a given chance."""

    base: Law = base_parameter()
    other: Law = parameter(Normal(), "the other law", converter=law)
    share: Scalar = parameter(0.5, "share of the inputs that are of the other law", minimum=0, maximum=1)

    @property
    def nested(self) -> bool:
        return self.base.nested and self.other.nested

    def change(self, key: PRNGKeyArray, context: Inputs, queries: Inputs) -> tuple[Inputs, Inputs]:
        keys = fold(key, "context"), fold(key, "queries")
        others = self.other.prompt(*keys, len(context), len(queries), context.shape[1])

        def mixed(key: PRNGKeyArray, x: Inputs, other: Inputs) -> Inputs:
            chosen = jax.random.uniform(fold(key, "chosen"), (len(x), 1)) < self.share
            return jnp.where(chosen, other, x)

        return mixed(keys[0], context, others[0]), mixed(keys[1], queries, others[1])


INPUT_LAWS: dict[str, type[Law]] = {
    "affine": Affine,
    "skewed": Skewed,
    "subspace": Subspace,
    "first-coordinates": FirstCoordinates,
    "opposite-orthants": OppositeOrthants,
    "orthogonal-queries": OrthogonalQueries,
    "ordered": Ordered,
    "evened": Evened,
    "mixed": Mixed,
}
"""The laws of inputs by their names in recipes."""


def _ranks(values: Float[Array, " n"]) -> Array:
    return jnp.argsort(jnp.argsort(values))


def _check_coordinates(key: str, wanted: int, d: int) -> None:
    if wanted > d:
        raise SettingError(Problem(key, f"{wanted} dimensions were given, an input has {d}; choose at most as many"))
