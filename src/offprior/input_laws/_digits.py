"""The handwritten digits that scikit-learn bundles, as principal components."""

import functools

import numpy as np
from jaxtyping import Float, Int

CLASSES = 10
PIXELS = 64
CLASSES_DOC = "the digits, from 0 to 9"


@functools.cache
def digits() -> tuple[Float[np.ndarray, "1797 64"], Int[np.ndarray, " 1797"]]:
    """Returns the images of 8 × 8 pixels as all their principal components, largest first, and their classes.

    Components are divided by one number, so that the first sixteen have a mean square of 1. Their signs are those for
    which the largest loading is positive.
    """
    from sklearn.datasets import load_digits

    found = load_digits()
    pixels = np.asarray(found.data, np.float64)  # pyright: ignore[reportAttributeAccessIssue]
    centred = pixels - pixels.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, ::-1]
    largest = axes[np.abs(axes).argmax(0), np.arange(PIXELS)]
    components = centred @ (axes * np.sign(largest))
    classes = np.asarray(found.target, np.int32)  # pyright: ignore[reportAttributeAccessIssue]
    return components / np.sqrt(np.square(components[:, :16]).mean()), classes


def images_of(classes: tuple[int, ...], half: str, d: int) -> Float[np.ndarray, "images d"]:
    """Returns the first d components of the images of some classes, of one half of the images or of all of them.

    Every second image of a class is in the first half.
    """
    images, of_class = digits()
    chosen = []
    for one in classes:
        own = np.flatnonzero(of_class == one)
        chosen.append({"first": own[::2], "second": own[1::2], "all": own}[half])
    return images[np.concatenate(chosen), :d].astype(np.float32)
