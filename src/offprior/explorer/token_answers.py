"""The answers of the model and its references for a sequence of tokens, after every prefix of it."""

import functools
import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from offprior.columns import SMOOTHER
from offprior.commands.stored_run import Run
from offprior.components import NoClosedForm
from offprior.compute.randomness import key_for
from offprior.errors import Problem, SettingError
from offprior.evaluation.atlas import applicable
from offprior.evaluation.comparison_panel import panel
from offprior.evaluation.token_rows import LEAST, divergence
from offprior.explorer.film import Film
from offprior.explorer.state import CELL, FAMILY
from offprior.explorer.token_sources import TokenSources
from offprior.explorer.token_state import MOST_TOKENS, TokenState
from offprior.explorer.verdicts import Verdicts
from offprior.predictors._token_references import TokenReferences
from offprior.predictors.back_off import BackOff
from offprior.predictors.predictor import Predictor

TYPICAL = 128
"""The number of the mixture's own sequences with which a surprise is compared."""
MATRICES = ("truth", "model", "B", "C", SMOOTHER)


class TokenAnswers(NamedTuple):
    """What is said of a sequence of n tokens; places 0 to n are those after so many tokens."""

    tokens: tuple[int, ...]
    probabilities: dict[str, Float[np.ndarray, "n_and_1 vocabulary"]]
    """Of the next token, by predictor; the truth is that of the sequence's own source."""
    divergences: dict[str, Float[np.ndarray, " n_and_1"]]
    """KL to the truth, in nats; to B if the user has written the sequence."""
    against: str
    """What the divergences are to: "truth", "B", or empty if there is neither."""
    families: Float[np.ndarray, "n_and_1 F"] | None
    """P(family | tokens)."""
    surprise: Float[np.ndarray, " n_and_1"] | None
    """−log evidence of the first tokens under the pretraining mixture, in nats."""
    verdict: str


class TokenAnswerer:
    """A run's models, B, C, S and the panel; created once and shared by all pages.

    Sequences are padded to one length, so that typing compiles nothing.

    Raises:
        OffpriorError: the run is not pretrained, or is a study with several models.
    """

    def __init__(self, run: Run):
        self.run, self.recipe = run, run.recipe
        if places := run.places():
            message = f"a study has one model per place; explore one place, such as {places[0].folder}"
            raise SettingError(Problem("study", message, str(run.folder)))
        self.mixture = run.recipe.mixture
        self.vocabulary = self.mixture.vocabulary
        self.models = run.models()
        self.film = Film(run.folder, self.models)
        trained = max(max(run.recipe.evaluation.lengths), run.recipe.training.points)
        self.longest = min(MOST_TOKENS, *(model.longest or trained for model in self.models))
        self.smoother = BackOff().for_mixture(self.mixture)
        self.panel = {predictor.label: predictor for predictor in panel(self.mixture)}
        probes = [*self.recipe.probes, *applicable(self.mixture).probes]
        self.sources = TokenSources(self.mixture, probes, self.longest)
        self.bayes = self._references([])
        self.combining = [probe.label for probe in self.recipe.probes if probe.combines]
        """The probes of which there is a C each: the Bayes predictor that knows their sources as well."""
        self._combined: dict[str, TokenReferences | None] = {}
        self._lock = threading.Lock()
        self.verdicts = Verdicts(run)

    def _references(self, known: list) -> TokenReferences | None:
        try:
            return TokenReferences(self.mixture, known, keeps_tables=True)
        except NoClosedForm:
            return None

    def known_by(self, state: TokenState) -> str:
        """Returns the probe whose sources C knows: that of the state's cell if it combines families, else the first."""
        if not self.combining:
            return ""
        return state.probe if state.preset == CELL and state.probe in self.combining else self.combining[0]

    def combined(self, state: TokenState) -> TokenReferences | None:
        """Returns C for a state; None if no probe combines families, or a family has no exact posterior."""
        label = self.known_by(state)
        if not label or self.bayes is None:
            return None
        with self._lock:
            if label not in self._combined:
                probe = self.sources.probes[label]
                known = [probe.distribution(strength, self.mixture) for strength in probe.strengths(self.mixture)]
                self._combined[label] = self._references(known)
            return self._combined[label]

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the predictors that can be shown, the truth included."""
        exact = () if self.bayes is None else ("B", *(["C"] if self.combined(TokenState()) is not None else []))
        return ("truth", "model", *exact, SMOOTHER, *self.panel)

    def compile(self) -> None:
        """Compiles everything that a page first requests; other sources follow in `warm`."""
        self.further(first_state(self))
        self.further(TokenState())
        _ = self.typical

    def warm(self, is_over: Callable[[], bool] = lambda: False) -> None:
        """Draws from every source once and builds every C, so that choosing them later compiles nothing.

        Args:
            is_over: asked before each source; if true, the rest is left out.
        """
        presets = [TokenState(preset=FAMILY + name) for name in self.mixture.family_names]
        cells = [
            TokenState(preset=CELL, probe=label, strength=strength)
            for label, strengths in self.sources.strengths.items()
            for strength in strengths
        ]
        for state in (*presets, *cells):
            if is_over():
                return
            self.sources.of(state)
            self.combined(state)

    def answer(self, state: TokenState) -> TokenAnswers:
        """Returns the answers; that of C at the state's place alone, because it may know many sources."""
        drawn = self.sources.of(state)
        tokens = state.tokens[: self.longest] if drawn is None else drawn.tokens
        padded, lengths = self._padded([tokens]), list(range(self.longest + 1))
        cut = len(tokens) + 1
        found = {} if drawn is None else {"truth": drawn.truth}
        answers: dict[str, Predictor] = {"model": self.film.model_of(state), SMOOTHER: self.smoother, **self.panel}
        found |= {label: each.next_tokens(padded, lengths)[0, :cut] for label, each in answers.items()}
        families = surprise = None
        if self.bayes is not None:
            exact = self.bayes.batch(padded, lengths)
            found["B"] = exact.bayes_mean[0, :cut]
            families, surprise = exact.class_probability[0, :cut], -exact.log_evidence[0, :cut]
        combined = self.combined(state)
        if combined is not None:
            after = min(state.after, len(tokens))
            found["C"] = np.full_like(found["B"], np.nan)
            found["C"][after] = combined.batch(padded, [after, self.longest]).combined_mean[0, 0]
        against = "truth" if drawn is not None else "B" if self.bayes is not None else ""
        divergences = {label: divergence(found[against], each) for label, each in found.items() if against}
        verdict = ""
        if state.preset == CELL:
            strength = self.sources.strength_of(state)
            verdict = self.verdicts.nearest_cell(state.probe, strength, len(tokens), "tokens")
        ordered = {label: found[label] for label in self.labels if label in found}
        return TokenAnswers(tokens, ordered, divergences, against, families, surprise, verdict)

    def further(self, state: TokenState) -> tuple[TokenAnswers, dict[str, Float[np.ndarray, "vocabulary vocabulary"]]]:
        """Returns the answers with C at every place, and transition matrices.

        Row t of a matrix is what follows the first `matrices_after` tokens and then the token t.
        """
        answers, combined = self.answer(state), self.combined(state)
        if combined is not None:
            padded, lengths = self._padded([answers.tokens]), list(range(self.longest + 1))
            mean = combined.batch(padded, lengths).combined_mean[0, : len(answers.tokens) + 1]
            found = {**answers.probabilities, "C": mean}
            far = {"C": divergence(found[answers.against], mean)} if answers.against else {}
            answers = answers._replace(
                probabilities={label: found[label] for label in self.labels if label in found},
                divergences=answers.divergences | far,
            )
        return answers, self._matrices(state, answers)

    def matrices_after(self, state: TokenState, answers: TokenAnswers) -> int:
        """Returns the number of tokens before the further one; one fewer than the model reads at most."""
        return min(state.after, len(answers.tokens), self.longest - 1)

    def _matrices(self, state: TokenState, answers: TokenAnswers) -> dict[str, np.ndarray]:
        after = self.matrices_after(state, answers)
        every = self._padded([(*answers.tokens[:after], token) for token in range(self.vocabulary)])
        drawn, combined = self.sources.of(state), self.combined(state)
        found = {} if drawn is None else {"truth": drawn.next_tokens(every)[:, after + 1]}
        for label, each in (("model", self.film.model_of(state)), (SMOOTHER, self.smoother)):
            found[label] = each.next_tokens(every, [after + 1])[:, 0]
        lengths = [after + 1, self.longest]  # the longest fixes the shape, and with it what is compiled
        if self.bayes is not None:
            found["B"] = self.bayes.batch(every, lengths).bayes_mean[:, 0]
        if combined is not None:
            found["C"] = combined.batch(every, lengths).combined_mean[:, 0]
        return {label: found[label] for label in MATRICES if label in found}

    def _padded(self, sequences: list[tuple[int, ...]]) -> np.ndarray:
        """Pads sequences with token 0; all predictors read from left to right, so that it changes no answer."""
        found = np.zeros((len(sequences), self.longest), np.int32)
        for row, sequence in zip(found, sequences, strict=True):
            row[: len(sequence)] = sequence
        return found

    @functools.cached_property
    def typical(self) -> tuple[list[float], list[float]]:
        """Mean and standard deviation of the surprise of the mixture's own sequences, by their length."""
        if self.bayes is None:
            return [], []
        prompts = self.mixture.prompts(key_for(0, "explorer", "typical"), TYPICAL, self.longest, 1)
        tokens = np.asarray(prompts.y).astype(np.int32)
        surprise = -self.bayes.batch(tokens, list(range(self.longest + 1))).log_evidence
        surprise = np.minimum(surprise, -np.log(LEAST) * self.longest)
        return surprise.mean(0).tolist(), surprise.std(0).tolist()


def first_state(answerer: TokenAnswerer) -> TokenState:
    """Returns what a page shows first: the middle of the first probe that combines families, or the first family."""
    length = min(32, answerer.longest)
    combining = next((probe for probe in answerer.recipe.probes if probe.combines), None)
    if combining is None:
        return TokenState(preset=FAMILY + answerer.mixture.family_names[0], length=length, task=1)
    strengths = answerer.sources.strengths[combining.label]
    middle = strengths[len(strengths) // 2]
    return TokenState(preset=CELL, probe=combining.label, strength=middle, length=length)
