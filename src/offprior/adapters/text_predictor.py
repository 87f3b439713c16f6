"""Language models as predictors, through text prompts."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from offprior.adapters.text_prompts import TextFormat, text_format
from offprior.adapters.wrapped import LEVELS, Limits, Wrapped
from offprior.errors import OffpriorError, Problem, SettingError

LEAST_READ = 0.5
"""The least share of a query's samples that must be numbers; below it, the prompt is not answered."""


Score = Callable[[str, str], float]
"""A function of a prompt and an answer that returns log p(answer | prompt) in nats, with what ends the answer."""


class TextPredictor(Wrapped):
    """A language model that is asked for one number after each text prompt.

    Each query of a prompt is a text of its own. If it has one answer, that is the mean; of several samples, the median
    is, and their quantiles give the variance. A prompt fails if an answer is no number, or fewer than half the samples
    of a query are.
    """

    texts: int = 0
    """Answers so far, samples counted singly."""
    unreadable: int = 0
    """Those among them that were no number."""

    def __init__(
        self,
        complete: Callable[[list[str]], Sequence[Sequence[str]]],
        name: str,
        limits: Limits,
        written: TextFormat,
        *,
        score: Score | None = None,
        **settings: Any,
    ):
        super().__init__(self._asked, name, limits, levels=LEVELS, **settings)
        self._complete, self._score, self.written = complete, score, written

    def log_likelihood(
        self, x: Float[Any, "n d"], y: Float[Any, " n"], queries: Float[Any, "m d"], outputs: Float[Any, " m"]
    ) -> Float[np.ndarray, " m"]:
        """Returns the log-probability of the outputs' digits after each query, with the line end, in nats per number.

        Each output is rounded to the format's decimals. Adding decimals·ln 10 gives the log-density of the rounded
        value, as in LLMTime (Gruver et al. 2023, section 3).

        Raises:
            OffpriorError: the model gives no probabilities.
        """
        if self._score is None:
            raise OffpriorError(f"{self.label}: it gives no probabilities; give wrap_text a `score`")
        x, queries = np.asarray(x, float), np.asarray(queries, float)
        given = zip(queries, np.asarray(outputs, float), strict=True)
        texts = [(self.written.prompt(x, np.asarray(y, float), query), float(output)) for query, output in given]
        return np.asarray([self._score(prompt, self.written.output(output)) for prompt, output in texts])

    def _asked(self, x: np.ndarray, y: np.ndarray, queries: np.ndarray) -> Any:
        answers = self._complete([self.written.prompt(x, y, query) for query in queries])
        read = [self._read(samples) for samples in answers]
        wrong = [reason for _, reason in read if reason]
        if wrong:
            raise ValueError(f"{len(wrong)} of {len(read)} queries: {wrong[0]}")
        if all(len(samples) == 1 for samples in answers):
            return np.asarray([values[0] for values, _ in read])
        return {"quantiles": np.asarray([np.quantile(values, self.levels) for values, _ in read])}

    def _read(self, samples: Sequence[str]) -> tuple[list[float], str]:
        """Returns the numbers among the samples of a query, and why they do not suffice; empty if they do."""
        values, wrong = [], []
        for sample in samples:
            try:
                values.append(self.written.parsed(sample))
            except ValueError as error:
                wrong.append(str(error))
        self.texts += len(samples)
        self.unreadable += len(wrong)
        if not samples:
            return values, "no answer was given"
        if len(values) < LEAST_READ * len(samples):
            return values, wrong[0] if len(samples) == 1 else f"{len(wrong)} of {len(samples)} samples: {wrong[0]}"
        return values, ""


def wrap_text(
    complete: Callable[[str], str | Sequence[str]],
    name: str | None = None,
    *,
    format: str = "lines",  # the word of the address too
    decimals: int = 2,
    instruction: str = "",
    score: Score | None = None,
    longest: int | None = None,
    shortest: int = 1,
    dimension: int | None = None,
    deterministic: bool = True,
    trained: bool = True,
    seed: int = 0,
    strict: bool = False,
) -> TextPredictor:
    """Makes a predictor of a function that continues a text.

    Args:
        complete: continues a text: one answer, or a list of several samples. What follows the number is ignored.
        name: its name in tables and figures; that of the function if None.
        format: how prompts are written, `lines` or `delimited` (`offprior.adapters.text_prompts`).
        decimals: digits after the point.
        instruction: text before the pairs.
        score: returns the log-probability of an answer after a prompt, for `log_likelihood`.
        longest: the longest context that it takes.
        shortest: the shortest context that it takes; shorter ones are answered by 0.
        dimension: the numbers of an input that it takes.
        deterministic: whether the same text has the same answer.
        trained: whether it was pretrained, so that verdicts depend on its training seeds.
        seed: its training seed.
        strict: whether its first failure ends the evaluation.

    Raises:
        SettingError: `complete` cannot be called, or the format is mistaken.
    """
    if not callable(complete) or isinstance(complete, type):
        raise SettingError(Problem("complete", f"got {complete!r}; give a function that continues a text"))

    def each(texts: list[str]) -> list[Sequence[str]]:
        given = [complete(text) for text in texts]
        return [[answer] if isinstance(answer, str) else list(answer) for answer in given]

    label = name or getattr(complete, "__name__", type(complete).__name__)
    limits = Limits(longest, shortest, dimension, deterministic)
    written = text_format(format, decimals, instruction)
    return TextPredictor(each, label, limits, written, score=score, trained=trained, seed=seed, is_strict=strict)
