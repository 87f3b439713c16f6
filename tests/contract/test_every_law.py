"""What every law offers: of a real number, or of the inputs of a prompt."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from offprior import catalog
from offprior.errors import SettingError
from offprior.recipe.parts import law_from, plain

KEYS = jax.random.key(0), jax.random.key(1)
OF_NUMBERS = catalog.names("laws")
OF_INPUTS = catalog.names("input_laws")


def law_of(name):
    folder = "laws" if name in OF_NUMBERS else "input_laws"
    return catalog.find(folder, name)()


def test_no_law_of_numbers_has_the_name_of_a_law_of_inputs():
    """A recipe names both in the same place."""
    assert not set(OF_NUMBERS) & set(OF_INPUTS)


@pytest.mark.parametrize("name", [*OF_NUMBERS, *OF_INPUTS])
def test_a_law_is_written_and_read_and_the_same_compiled_or_not(name):
    law = law_of(name)
    assert plain(law_from(plain(law))) == plain(law) and catalog.name_of(type(law)) == name
    assert law.sample(KEYS[0], (3, 4)).shape == (3, 4) and law.queries(KEYS[0], 3, 4).shape == (3, 4)
    one, same = law.prompt(*KEYS, 3, 2, 4), jax.jit(lambda law: law.prompt(*KEYS, 3, 2, 4))(law)
    for left, right in zip(one, same, strict=True):
        assert np.isfinite(left).all()
        np.testing.assert_allclose(left, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_law_of_numbers_has_the_quantiles_of_its_draws(name):
    law = law_of(name)
    shares = jnp.asarray([0.1, 0.5, 0.9])
    draws = np.asarray(law.sample(KEYS[0], (20_000,)))
    below = [(draws <= float(value) + 1e-6).mean() for value in jax.vmap(law.quantile)(shares)]
    assert law.finite or np.abs(np.asarray(below) - shares).max() < 0.015


@pytest.mark.parametrize("name", OF_INPUTS)
def test_a_law_of_inputs_is_no_law_of_numbers(name):
    law = law_of(name)
    with pytest.raises(SettingError, match="law of inputs"):
        law.sample(KEYS[0])
    low, high = (float(law.quantile(jnp.asarray(share))) for share in (0.1, 0.9))
    assert low < high
