"""Makes a predictor of anything that answers one prompt: a function, an object with `predict`, a regressor."""

import dataclasses
import hashlib
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.adapters.answer import Answer, moments, parts_of
from offprior.adapters.fitted import Fitted
from offprior.adapters.in_processes import Prompt, asked_in_processes
from offprior.adapters.regular_grid import steps_ahead
from offprior.compute.threads import one_thread
from offprior.errors import OffpriorError, Problem, SettingError, in_a_line
from offprior.predictive.distribution import Distribution
from offprior.predictive.from_quantiles import FromQuantiles
from offprior.predictive.normal import Normal
from offprior.predictors.predictor import BatchPrediction, Predictor

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""The levels of quantiles unless others are declared."""
FEWEST_APART = 32
"""The fewest prompts for which other processes are asked."""
MOST_KEPT = 4096
"""The most answers that are kept for prompts that come again."""


class Failure(NamedTuple):
    """A prompt that a wrapped predictor did not answer."""

    prompt: int
    """Its number in the batch."""
    length: int
    """The number of pairs of its context."""
    reason: str


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a wrapped predictor can take, as its user declares it; a prompt outside of a limit is not asked."""

    longest: int | None = None
    """The longest context, beyond which cells are left out; None if there is no limit."""
    shortest: int = 1
    """The shortest context; shorter ones are answered by 0, without a variance."""
    dimension: int | None = None
    """The numbers of an input; None if any."""
    is_deterministic: bool = True
    """Whether the same prompt has the same answer, so that answers may be kept."""
    is_thread_safe: bool = False
    """Whether several prompts may be asked at once."""
    on_regular_grid: bool = False
    """Whether it takes only even steps, in order, and queries at the steps that follow, as a forecaster does."""


class Wrapped(Predictor):
    """A predictor that asks something else, one prompt at a time.

    Answers are kept by prompt if the thing is deterministic. A prompt on which it raises, or answers with wrong shapes
    or numbers that are not finite, is a failure: its mean is not-a-number, and `failures` says why.
    """

    def __init__(
        self,
        ask: Callable[[np.ndarray, np.ndarray, np.ndarray], Any],
        name: str,
        limits: Limits,
        *,
        levels: Sequence[float] = LEVELS,
        trained: bool = False,
        seed: int = 0,
        is_strict: bool = False,
        processes: int = 1,
    ):
        self._ask, self.label, self.limits = ask, name, limits
        self.levels = tuple(levels)
        self.longest, self.trained, self.seed = limits.longest, trained, seed
        self.is_strict, self.processes = is_strict, processes
        self.failures: list[Failure] = []
        self._kept: dict[bytes, Answer] = {}
        self._turn, self._lock = threading.Lock(), threading.Lock()
        self._reasons: dict[bytes, str] = {}

    def __repr__(self) -> str:
        return f"{self.label}: a wrapped predictor"

    @property
    def input_dimension(self) -> int | None:
        return self.limits.dimension

    def predict_batch(
        self,
        x: Float[Any, "B n d"],
        y: Float[Any, "B n"],
        queries: Float[Any, "B m d"],
        lengths: Sequence[int],
    ) -> BatchPrediction:
        """Returns means and variances [B, L, m]; both are not-a-number where the wrapped predictor failed.

        Raises:
            OffpriorError: it failed, and `is_strict` was set.
        """
        shape = (len(x), len(lengths), queries.shape[1])
        mean, variance = np.zeros(shape), np.full(shape, np.nan)
        asked = [(at, number) for at, length in enumerate(lengths) for number in range(len(x)) if self._takes(length)]
        prompts = [(x[number, : lengths[at]], y[number, : lengths[at]], queries[number]) for at, number in asked]
        answers = self._answers([number for _, number in asked], prompts)
        for (at, number), found in zip(asked, answers, strict=True):
            mean[number, at], variance[number, at] = found.mean, found.variance
        return BatchPrediction(mean, variance)

    def predictive(
        self, x: Float[Any, "B n d"], y: Float[Any, "B n"], queries: Float[Any, "B m d"], noise: float
    ) -> Distribution | None:
        """Returns the distribution through the quantiles, which are of an output; else a normal one, plus noise."""
        if y.shape[1] < self.limits.shortest:
            return None
        answers = self._answers(range(len(x)), list(zip(x, y, queries, strict=True)))
        if any(answer.quantiles is not None for answer in answers):
            none = np.full((queries.shape[1], len(self.levels)), np.nan)
            rows = [none if each.quantiles is None else np.reshape(each.quantiles, none.shape) for each in answers]
            return FromQuantiles(np.stack(rows).astype(float), self.levels)
        mean, variance = (np.stack([each[part] for each in answers]) for part in (0, 1))
        return None if np.isnan(variance).all() else Normal(mean, variance + noise**2)

    def reason(self, x: Float[np.ndarray, "k d"], y: Float[np.ndarray, " k"], queries: Float[np.ndarray, "m d"]) -> str:
        return self._reasons.get(_mark(x, y, queries), super().reason(x, y, queries))

    def _takes(self, length: int) -> bool:
        return length >= self.limits.shortest

    def _answers(self, numbers: Sequence[int], prompts: Sequence[Prompt]) -> list[Answer]:
        """Returns the answers to prompts, given their numbers in the batch."""
        ahead = self._ask_ahead(prompts) if self.processes > 1 else {}
        with one_thread():
            return [self._answer(number, *prompt, ahead) for number, prompt in zip(numbers, prompts, strict=True)]

    def _ask_ahead(self, prompts: Sequence[Prompt]) -> dict[bytes, Any]:
        """Asks, in several processes, the prompts whose answers are not kept; those that fail are asked again later."""
        marked = {_mark(*prompt): prompt for prompt in prompts}
        new = {mark: prompt for mark, prompt in marked.items() if mark not in self._kept}
        if len(new) < FEWEST_APART:
            return {}
        with self._turn:
            given = asked_in_processes(self._ask, list(new.values()), self.processes)
        return {mark: one for mark, one in zip(new, given, strict=True) if one is not None}

    def _answer(
        self,
        number: int,
        x: np.ndarray,
        y: np.ndarray,
        queries: np.ndarray,
        ahead: Mapping[bytes, Any],
    ) -> Answer:
        in_order = np.argsort(x[:, 0], kind="stable") if self.limits.on_regular_grid else slice(None)
        of_x, of_y = x[in_order], y[in_order]  # a series has one order, whatever that of the prompt
        key = _mark(of_x, of_y, queries) if self.limits.is_deterministic else b""
        known = self._kept.get(key)
        if known is not None:
            return known
        try:
            if self.limits.on_regular_grid:
                steps_ahead(of_x, queries)
            if key in ahead:
                given = ahead[key]
            elif self.limits.is_thread_safe:
                given = self._ask(of_x.copy(), of_y.copy(), queries.copy())
            else:
                with self._turn:
                    given = self._ask(of_x.copy(), of_y.copy(), queries.copy())
            found = Answer(*moments(given, len(queries), self.levels), parts_of(given)[2])
        except Exception as error:
            reason = in_a_line(error)
            if self.is_strict:
                raise OffpriorError(f"{self.label}: prompt {number} with {len(y)} pairs: {reason}") from error
            with self._lock:
                self.failures.append(Failure(number, len(y), reason))
                self._reasons[_mark(x, y, queries)] = reason
            nothing = np.full(len(queries), np.nan)
            return Answer(nothing, nothing)
        if key:
            with self._lock:  # an evaluation asks from several threads
                while len(self._kept) >= MOST_KEPT:
                    self._kept.pop(next(iter(self._kept)))
                self._kept[key] = found
        return found


def wrap(
    thing: Any,
    name: str | None = None,
    *,
    longest: int | None = None,
    shortest: int = 1,
    dimension: int | None = None,
    deterministic: bool = True,
    thread_safe: bool = False,
    regular_grid: bool = False,
    levels: Sequence[float] = LEVELS,
    trained: bool = False,
    seed: int = 0,
    strict: bool = False,
    processes: int = 1,
) -> Wrapped:
    """Makes a predictor of something that answers one prompt.

    Args:
        thing: a scikit-learn regressor (`fit` and `predict`), which is cloned and fitted to every context; an object
            with `predict(x, y, queries)`; a function of x [n, d], y [n] and queries [m, d]; or a module of PyTorch,
            which is asked with tensors. It returns means [m], or (means, quantiles [m, q]), or a mapping with `mean`
            and, if known, `variance` or `quantiles`.
        name: its name in tables and figures; that of its class or function if None.
        longest: the longest context that it takes.
        shortest: the shortest context that it takes; shorter ones are answered by 0.
        dimension: the numbers of an input that it takes.
        deterministic: whether the same prompt has the same answer.
        thread_safe: whether several prompts may be asked at once.
        regular_grid: whether it takes only contexts at even steps, and queries at the steps that follow. It receives
            the pairs in order; other prompts are failures.
        levels: the levels of its quantiles.
        trained: whether it was pretrained, so that verdicts depend on its training seeds.
        seed: its training seed.
        strict: whether its first failure ends the evaluation.
        processes: from how many processes it is asked, each with a copy of it; needs a deterministic thing that can be
            pickled.

    Raises:
        SettingError: the thing answers no prompts, or a limit is mistaken.
    """
    problems = _mistakes(thing, longest, shortest, levels)
    if processes < 1 or (processes > 1 and (regular_grid or not deterministic)):
        message = f"got {processes}; more than one needs a deterministic thing that is not bound to a grid"
        problems.append(Problem("processes", message))
    if problems:
        raise SettingError(problems)
    limits = Limits(longest, shortest, dimension, deterministic, thread_safe, regular_grid)
    label = name or getattr(thing, "__name__", type(thing).__name__)
    return Wrapped(
        _asking(thing, levels),
        label,
        limits,
        levels=levels,
        trained=trained,
        seed=seed,
        is_strict=strict,
        processes=processes,
    )


def _asking(thing: Any, levels: Sequence[float]) -> Callable[[np.ndarray, np.ndarray, np.ndarray], Any]:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(thing, torch.nn.Module):
        from offprior.adapters.tensors import asking_tensors

        return asking_tensors(thing)
    if hasattr(thing, "fit") and hasattr(thing, "predict"):
        return Fitted(thing, levels)
    return thing.predict if hasattr(thing, "predict") else thing


def _mistakes(thing: Any, longest: int | None, shortest: int, levels: Sequence[float]) -> list[Problem]:
    found = []
    if isinstance(thing, type):
        found.append(Problem("thing", f"{thing.__name__} is a class; give an instance, {thing.__name__}()"))
    elif not (callable(thing) or hasattr(thing, "predict")):
        wanted = "a function of x, y and queries, or an object with `predict` (and `fit`)"
        found.append(Problem("thing", f"{type(thing).__name__} answers no prompts; give {wanted}"))
    if shortest < 0 or (longest is not None and longest < max(shortest, 1)):
        found.append(Problem("longest", f"got contexts from {shortest} to {longest} pairs"))
    if len(levels) < 2 or list(levels) != sorted(set(levels)) or not levels[0] > 0 or not levels[-1] < 1:
        found.append(Problem("levels", f"got {list(levels)}; give rising levels between 0 and 1"))
    return found


def _mark(x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> bytes:
    """Returns a digest of a prompt, which a deterministic predictor answers in the same way."""
    digest = hashlib.blake2b(digest_size=16)
    for array in (x, y, queries):
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()
