"""What a contender has to do, and the process of its own in which it does it.

Each runs by itself, so that no library's threads, memory or settings meet another's; the others wait meanwhile.
"""

import abc
import contextlib
import importlib
import multiprocessing
import os
import time
import traceback
from multiprocessing.connection import Connection
from typing import Any, Literal, NamedTuple

import numpy as np


class Job(NamedTuple):
    """What is trained: Garg et al.'s decoder (arXiv 2208.01066) on lines and sinusoids, or a recipe of offprior's."""

    layers: int = 3
    width: int = 64
    heads: int = 2
    batch: int = 64
    points: int = 40
    """The longest context; a prompt has one pair more."""
    rate: float = 1e-3
    """Adam's, constant."""
    seed: int = 0
    frequency: tuple[float, float] = (0.5, 1.5)
    noise: float = 0.1
    precision: Literal["float32", "bfloat16"] = "float32"
    dispatch: int = 5
    """Steps in a dispatch of offprior's."""
    recipe: str = ""
    """For offprior alone: its model and training in place of the above."""

    @property
    def pairs(self) -> int:
        """In a prompt."""
        return self.points + 1


class Contender(abc.ABC):
    """A training program; `begin` comes first."""

    @abc.abstractmethod
    def begin(self, job: Job) -> int:
        """Build everything and take the first step; the number of parameters in use."""

    @abc.abstractmethod
    def steps(self, count: int) -> int:
        """Take about so many steps, and return when the last is done: how many there were."""

    @abc.abstractmethod
    def predict(self, x: np.ndarray, y: np.ndarray, length: int) -> np.ndarray:
        """Predictions [b] of y[:, length] from x[:, : length + 1] and y[:, :length], where x and y are [b, pairs]."""

    def about(self) -> str:
        """Versions and the device."""
        return ""


def drawn_on_the_host(generator: np.random.Generator, job: Job) -> tuple[np.ndarray, np.ndarray]:
    """Prompts of the mixture, x and y [b, pairs]: half lines k·x, half sinusoids with a Rayleigh amplitude."""
    b, n = job.batch, job.pairs
    x = generator.uniform(-5.0, 5.0, (b, n))
    lines = generator.normal(size=(b, 1)) * x
    frequency = generator.uniform(*job.frequency, (b, 1))
    waves = generator.rayleigh(1.0, (b, 1)) * np.sin(frequency * x + generator.uniform(0, 2 * np.pi, (b, 1)))
    y = np.where(generator.random((b, 1)) < 0.5, lines, waves) + job.noise * generator.normal(size=(b, n))
    return x.astype(np.float32), y.astype(np.float32)


class Process:
    """A contender in its own process, answering one request at a time; it ends with this one."""

    def __init__(self, name: str):
        self.name = name
        context = multiprocessing.get_context("spawn")
        self._here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(name, there), daemon=True)
        self._process.start()
        there.close()

    def ask(self, method: str, *arguments: Any) -> tuple[Any, float]:
        """The answer, and the seconds that it took.

        Raises:
            RuntimeError: the contender failed; its last words.
        """
        try:
            self._here.send((method, arguments))
            answer, seconds, failure = self._here.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._process.join(10)
            raise RuntimeError(f"{self.name}: it ended with exit code {self._process.exitcode}") from None
        if failure:
            raise RuntimeError(f"{self.name}: {failure}")
        return answer, seconds

    def end(self) -> None:
        """Let it go, gently at first."""
        self._here.close()
        self._process.join(5)
        self._process.kill()
        self._process.join()


def _serve(name: str, connection: Connection) -> None:
    # Whatever the caller's jax is set to, a contender has it as it comes.
    for setting in ("JAX_NUM_CPU_DEVICES", "JAX_NUMPY_RANK_PROMOTION", "JAX_NUMPY_DTYPE_PROMOTION"):
        os.environ.pop(setting, None)
    os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"  # several share an accelerator
    # Where the other side has gone, or somebody pressed Ctrl-C, there is nobody left to tell.
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        _answer(name, connection)


def _answer(name: str, connection: Connection) -> None:
    contender = None
    while True:
        method, arguments = connection.recv()
        begun = time.perf_counter()
        try:
            if contender is None:
                contender = importlib.import_module(f"contenders.{name}").contender()
                begun = time.perf_counter()  # imports are nobody's merit
            answer, failure = getattr(contender, method)(*arguments), ""
        except Exception as error:
            answer, failure = None, traceback.format_exception_only(error)[-1].strip().splitlines()[0]
        connection.send((answer, time.perf_counter() - begun, failure))
