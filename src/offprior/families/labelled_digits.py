"""Label maps of handwritten digits."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.components import Columns, Components
from offprior.errors import Problem, SettingError
from offprior.families.family import Family
from offprior.input_laws._digits import CLASSES, CLASSES_DOC, PIXELS, images_of
from offprior.parameter import parameter


class LabelledDigits(Family):
    """Classification of digits: each class has a label −1 or 1, drawn anew for every prompt.

    An input is the first principal components of an image of 8 × 8 pixels (`digit-images`). Its class is that of the
    nearest known image, which for every image of these classes is itself. The Bayes predictor knows the classes and
    enumerates the labels.
    """

    classes: tuple[int, ...] = parameter((0, 1, 2, 3, 4), CLASSES_DOC, minimum=0, maximum=CLASSES - 1, static=True)
    dimension: int = parameter(16, "principal components in an input", minimum=1, maximum=PIXELS)

    def __check_init__(self):
        if not self.classes or len(set(self.classes)) < len(self.classes):
            given = list(self.classes) or "nothing"
            raise SettingError(Problem("classes", f"got {given}; give one or more digits, each once"))

    def draw(self, key: PRNGKeyArray) -> Float[Array, " classes"]:
        return 2.0 * jax.random.bernoulli(key, shape=(len(self.classes),)).astype(float) - 1.0

    def value(self, task: Float[Array, " classes"], x: Float[Array, " d"]) -> Float[Array, ""]:
        return task[self.nearest_class(x)]

    def nearest_class(self, x: Float[Array, " d"]) -> Array:
        """Returns the place in `classes` of the class of the nearest known image."""
        return _nearest(self.classes, x)

    def includes_alone(self, other: Family) -> bool:
        """Whether the other family labels some of these classes, and no others."""
        if not isinstance(other, LabelledDigits) or other.dimension != self.dimension:
            return False
        return set(other.classes) <= set(self.classes)

    def components(self, nodes: int = 256) -> Components:
        """Returns one known function per assignment of labels."""
        labels = np.asarray(list(itertools.product((-1.0, 1.0), repeat=len(self.classes))))
        return Components(
            features=LabelColumn(self.classes),
            nodes=labels,
            log_weights=np.full(len(labels), -np.log(len(labels))),
            scales=np.ones((1, 1)),
            log_scale_weights=np.zeros(1),
            fixed=(True,),
            constant=(False,),
        )


class LabelColumn(Columns):
    """The label of an image's class."""

    classes: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, node: Float[Array, " classes"], x: Float[Array, " d"]) -> Float[Array, " columns"]:
        return node[_nearest(self.classes, x)][None]


def _nearest(classes: tuple[int, ...], x: Float[Array, " d"]) -> Array:
    sets = [images_of((one,), "all", x.shape[0]) for one in classes]
    known = jnp.asarray(np.concatenate(sets), x.dtype)
    of_class = jnp.asarray(np.repeat(np.arange(len(sets)), [len(each) for each in sets]))
    # Without the square of x, which is the same for all.
    return of_class[jnp.argmin(jnp.square(known).sum(1) - 2 * known @ x)]
