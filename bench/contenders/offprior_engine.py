"""offprior's own engine: many steps a dispatch, a batch shared by the cores."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from contenders.contender import Contender, Job
from offprior.compute.devices import use_one_device_per_core
from offprior.families.linear import Linear
from offprior.families.sinusoid import Sinusoid
from offprior.laws.law import law
from offprior.mixture import Mixture
from offprior.models.transformer import Transformer
from offprior.predictors.pretrained import Pretrained
from offprior.pretraining.gradient import sharing
from offprior.pretraining.program import program
from offprior.pretraining.step import initial_state, setting
from offprior.pretraining.training import Training
from offprior.recipe.recipe import read


class Offprior(Contender):
    """The engine without progress, history or checkpoints."""

    def begin(self, job: Job) -> int:
        use_one_device_per_core()
        if job.recipe:
            recipe = read(job.recipe)
            self.mixture, model, self.training = recipe.mixture, recipe.model, recipe.training
        else:
            self.mixture = Mixture([Linear(), Sinusoid(frequency=law(job.frequency))], noise=job.noise)
            model = Transformer(layers=job.layers, heads=job.heads, width=job.width)
            self.training = Training(
                steps=10**9, batch=job.batch, points=job.points, optimiser="adam", learning_rate=job.rate,
                schedule="constant", warmup=0.0, steps_per_dispatch=job.dispatch, precision=job.precision,
            )  # fmt: skip
        settings = setting(self.mixture, self.training, job.seed)
        state = initial_state(model, settings)
        self.shared = sharing(self.training, state.network)
        self.state, self.settings = self.shared.replicated((state, settings))
        self.done = 0
        self._go(1)
        trained = eqx.filter(self.state.network, eqx.is_array)
        return sum(leaf.size for leaf in jax.tree.leaves(trained))

    def steps(self, count: int) -> int:
        for _ in range(max(1, count // self.training.steps_per_dispatch)):
            self._go(self.training.steps_per_dispatch)
        return max(1, count // self.training.steps_per_dispatch) * self.training.steps_per_dispatch

    def _go(self, count: int) -> None:
        self.done = min(self.done + count, self.training.steps)
        until = np.asarray(self.done, np.int32)
        self.state, _ = program(self.settings, self.shared, self.state, until)(self.settings, self.state, until)
        jax.block_until_ready(self.state.step)

    def predict(self, x: np.ndarray, y: np.ndarray, length: int) -> np.ndarray:
        network = jax.tree.map(lambda leaf: jnp.asarray(np.array(leaf)) if eqx.is_array(leaf) else leaf, self.state[0])
        model = Pretrained(network, self.mixture, trained_to=self.training.points)
        asked = x[:, length : length + 1, None]
        return model.predict_batch(x[:, :length, None], y[:, :length], asked, [length]).mean[:, 0, 0]

    def bayes(self, x: np.ndarray, y: np.ndarray, length: int) -> np.ndarray:
        """What the exact Bayes predictor of the mixture says."""
        from offprior.predictors.bayes import Bayes

        asked = x[:, length : length + 1, None]
        return Bayes(self.mixture).predict_batch(x[:, :length, None], y[:, :length], asked, [length]).mean[:, 0, 0]

    def remaining(self) -> int:
        """Steps that the recipe's training still has."""
        return self.training.steps - self.done

    def peak(self, size: int = 2048, count: int = 4) -> float:
        """Floating-point operations a second of float32 products of square matrices, this machine's measure."""
        import time

        matrix = jax.random.normal(jax.random.key(0), (size, size), self.shared.compute)
        product = jax.jit(jnp.dot)
        product(matrix, matrix).block_until_ready()
        begun = time.perf_counter()
        result: Any = matrix
        for _ in range(count):
            result = product(matrix, matrix)
        result.block_until_ready()
        return 2 * size**3 * count / (time.perf_counter() - begun)

    def about(self) -> str:
        import offprior

        return f"offprior {offprior.__version__}, jax {jax.__version__}, {jax.devices()[0].device_kind}"


contender = Offprior
