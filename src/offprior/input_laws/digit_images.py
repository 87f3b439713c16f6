"""Images of handwritten digits."""

from typing import Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from offprior.errors import Problem, SettingError
from offprior.input_laws._digits import CLASSES, CLASSES_DOC, PIXELS, images_of
from offprior.laws.law import Law
from offprior.parameter import parameter


class DigitImages(Law):
    """Inputs only: images of digits, as their first d principal components, every class equally likely.

    The images are the 1,797 of 8 × 8 pixels that scikit-learn bundles. One half of each class is for pretraining, the
    other for tests.
    """

    classes: tuple[int, ...] = parameter(
        tuple(range(CLASSES)), CLASSES_DOC, minimum=0, maximum=CLASSES - 1, static=True
    )
    half: Literal["first", "second", "all"] = parameter("first", "which of the images")

    def __check_init__(self):
        if not self.classes:
            raise SettingError(Problem("classes", "it must not be empty; give at least one digit"))

    @property
    def words(self) -> str:
        kept = "" if self.half == "all" else f", {self.half} half"
        return f"images of {''.join(map(str, self.classes))}{kept}"

    def quantile(self, u: Float[Array, ""]) -> Float[Array, ""]:
        """Returns the quantile of the largest component."""
        return jnp.quantile(jnp.asarray(images_of(self.classes, self.half, 1)[:, 0]), u)

    def sample(self, key: PRNGKeyArray, shape: tuple[int, ...] = ()) -> Float[Array, "..."]:
        """Draws images, an array of `shape` [..., n, d]."""
        if len(shape) < 2:
            raise SettingError("images are a law of inputs, not of a parameter; choose uniform")
        if shape[-1] > PIXELS:
            raise SettingError(Problem("", f"images have {PIXELS} components, but inputs have {shape[-1]} numbers"))
        of_class, of_image = jax.random.split(key)
        sets = [images_of((one,), self.half, shape[-1]) for one in self.classes]
        count = jnp.asarray([len(each) for each in sets])
        first = jnp.cumsum(count) - count
        chosen = jax.random.randint(of_class, shape[:-1], 0, len(sets))
        place = jnp.floor(jax.random.uniform(of_image, shape[:-1]) * count[chosen].astype(float)).astype(first.dtype)
        return jnp.concatenate([jnp.asarray(each, float) for each in sets])[first[chosen] + place]
