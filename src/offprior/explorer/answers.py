"""The answers of the model and its references for a prompt, at the places of the curves."""

import dataclasses
import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float

from offprior.columns import MODEL, SMOOTHER
from offprior.compute.devices import cores
from offprior.compute.randomness import key_for
from offprior.compute.threads import LAPACK, blas_on_one_thread
from offprior.evaluation.atlas import applicable
from offprior.evaluation.comparison_panel import panel
from offprior.evaluation.prediction_panels import known_combinations, references_of
from offprior.explorer.answer import Answers, add_band
from offprior.explorer.curve_labels import of_beside, of_class, titles
from offprior.explorer.film import Film
from offprior.explorer.judged_predictor import Shown, check_can_be_shown
from offprior.explorer.look import Look, Looks
from offprior.explorer.state import CELL, MOST_POINTS, OWN, State
from offprior.explorer.task import Tasks
from offprior.explorer.verdicts import Verdicts
from offprior.predictors.smoother import Smoother
from offprior.probes.probe import Probe
from offprior.recipe.parts import plain

PLACES = 200
MARGIN = 0.25
"""How far the plot extends beyond the inputs' span on either side, as a share of the span."""
TYPICAL = 128
"""The number of the mixture's own prompts with which a surprise is compared."""
LENGTHS = (1, 2, 3, 5, 7, 10, 14, 20, 28, 40, 60)
LIKELY = ("line", "sinusoid", "combination", "step")
TRIED = 10
"""Prompts per likely preset that are answered before a page opens."""
ATTENTION = "attention"
"""The name, among the curves, of the display of the model's attention."""


class Answerer:
    """A run's models or a predictor, B, C and the panel; created once and shared by all pages.

    `beside` is a second run. Its model answers the same prompts, and so does its B if its mixture differs.

    Raises:
        OffpriorError: a run is not pretrained, or is a study with several models; its inputs have several dimensions.
    """

    def __init__(self, run: Shown, beside: Shown | None = None):
        self.run, self.recipe = run, run.recipe
        check_can_be_shown(run)
        self.mixture = run.recipe.mixture
        self.models = run.models()
        self.film = Film(run.folder, self.models)
        self.references, self.has_combined = references_of(self.mixture, known_combinations(self.recipe))
        self.smoother = Smoother()
        self.panel = {each.label: each for each in panel(self.mixture) if each.label != run.judged}
        low, high = self.mixture.inputs.span()
        self.inside = (low, high)
        wide = MARGIN * (high - low)
        self.places = np.linspace(low - wide, high + wide, PLACES)
        self.longest = min(MOST_POINTS, *(model.longest or MOST_POINTS for model in self.models))
        self.verdicts = Verdicts(run)
        self.name = (run.judged if run.judged != MODEL else run.folder.resolve().name).replace(",", " ")
        self.beside = None if beside is None else Answerer(beside)
        if self.beside is not None:
            self.longest = min(self.longest, self.beside.longest)
            self.beside.name += " (2)" if self.beside.name == self.name else ""
        self._typical: dict[int, tuple[float, float]] = {}
        self._lock = threading.Lock()
        self._ahead = ThreadPoolExecutor(max(1, cores()), "model")

    @functools.cached_property
    def tasks(self) -> Tasks:
        """The functions and prompts, including those of the verdicts' cells."""

        def is_shown(probe: Probe) -> bool:
            places = probe.strengths(self.mixture)
            return all(probe.distribution(place, self.mixture).dimension == 1 for place in places)

        known = [*self.recipe.probes, *applicable(self.mixture).probes]
        return Tasks(self.mixture, list(filter(is_shown, known)))

    @functools.cached_property
    def looks(self) -> Looks:
        """The inside of the models."""
        return Looks(self.mixture, self.models)

    @property
    def approximation(self) -> str:
        """What is approximate about B and C, in words; empty if nothing is."""
        if self.references is None:
            return ""
        names = "B and C are" if self.has_combined else "B is"
        found = [f"{names} approximate: {said}" for said in [self.references.approximation] if said]
        if self.mixture.noise_degrees is not None:
            found.append(f"{names} approximate: the mixture's noise follows Student's t, but is assumed to be normal")
        if self.beside is not None and "B" in self._of_beside and self.beside.approximation:
            found.append(f"{self.beside.name}: {self.beside.approximation}")
        return "; ".join(found)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the available curves."""
        exact = ("B", *(("C",) if self.has_combined else ())) if self.references is not None else ()
        classes = tuple(map(of_class, self.mixture.family_names)) if exact else ()
        others = () if self.beside is None else tuple(of_beside(name, self.beside.name) for name in self._of_beside)
        return ("model", *exact, SMOOTHER, *classes, "truth", *others, *self.panel)

    @property
    def titles(self) -> dict[str, str]:
        """The names of the curves of predictors that are not models of runs, by their labels."""
        beside, name = (None, "") if self.beside is None else (self.beside.run, self.beside.name)
        return titles(self.run, beside, name, self.labels)

    @property
    def choices(self) -> tuple[str, ...]:
        """What can be shown: the curves, and the model's attention if the model exposes it."""
        return (*self.labels, *([ATTENTION] if self.looks.layers else []))

    def compile(self) -> None:
        """Compiles everything that a page first requests, and what dragging is likely to need."""
        self.with_panel(self.answer(self.drawn(State(shown=self.labels))))
        if self.looks.layers:  # the read-out takes longer and is fitted on request
            self.looks.look(self.models[0], np.zeros(1), np.zeros(1), 0.0, is_last=False)
        # The prompt determines how far its posterior is refined, and so what is compiled; other predictors may be slow.
        draw = np.random.default_rng(0)
        for number, preset in enumerate(LIKELY * TRIED):
            state = self.drawn(State(preset=preset, task=number, noise=float(draw.choice([0.0, 0.1, 0.3]))))
            first = (draw.uniform(*self.inside), 3 * draw.normal())
            moved = dataclasses.replace(state, preset=OWN, points=(first, *state.points[1:]))
            _ = self.answer(moved) if self.run.judged == MODEL else self._add_exact(moved, {}, {})

    def answer(self, state: State) -> Answers:
        """Returns the immediate answers, of the model and the exact posteriors; without points, only the truth."""
        points = state.points[: self.longest]
        curves: dict[str, np.ndarray] = {}
        bands: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        probability, surprise, look, failure = {}, float("nan"), None, ""
        if points:
            with blas_on_one_thread():
                # The model and the references run in parallel, so that a drag waits only for the slower one.
                ahead = self._ahead.submit(self._add_model, state, curves, bands)
                self._add_smoother(state, curves, bands)
                probability, surprise = self._add_exact(state, curves, bands)
                look, failure = ahead.result()
                if self.beside is not None:
                    failure = "; ".join(filter(None, (failure, self._add_beside(state, curves))))
        source = self.source_of(state)
        function = source.tasks.function_of(state)
        if function is not None:
            curves["truth"] = function(self.places)
        typical = self.typical(len(points)) if points else (float("nan"), float("nan"))
        verdict = source.verdicts.nearest(state, len(state.points))
        errors = self._errors(curves, curves)
        return Answers(state, curves, bands, probability, surprise, typical, errors, verdict, look, failure)

    def with_panel(self, answers: Answers) -> Answers:
        """Adds the answers of the shown classical predictors, which take longer."""
        state = answers.state
        points = state.points[: self.longest]
        found = {}
        if points:
            x, y = _arrays(points)
            queries = self.places[None, :, None]
            with blas_on_one_thread():
                for label in state.shown:
                    if label in self.panel:
                        found[label] = self.panel[label].predict_batch(x, y, queries, [len(points)]).mean[0, 0]
        errors = answers.errors | self._errors(found, answers.curves)
        return answers._replace(curves=answers.curves | found, errors=errors)

    def drawn(self, state: State) -> State:
        """Returns the state with points drawn from its function."""
        state = dataclasses.replace(state, length=min(state.length, self.longest))
        return dataclasses.replace(state, points=self.source_of(state).tasks.points_of(state)[: self.longest])

    def source_of(self, state: State) -> "Answerer":
        """Returns the run whose functions and verdicts a state shows: the second for its own cells, else the first."""
        return self.beside if self.beside is not None and state.preset == CELL and state.run else self

    def probes_of(self, run: int) -> tuple[str, ...]:
        """Returns the probes of the first (0) or second (1) run whose cells can be opened."""
        each = self.beside if run else self
        return () if each is None else tuple(label for label in each.verdicts.probes if label in each.tasks.probes)

    def typical(self, count: int) -> tuple[float, float]:
        """Returns mean and standard deviation of the surprise per point of the mixture's prompts near this length."""
        if self.references is None:
            return float("nan"), float("nan")
        length = min(LENGTHS, key=lambda known: abs(known - count))
        with self._lock:
            if length not in self._typical:
                with LAPACK:  # some laws of inputs call LAPACK
                    prompts = self.mixture.prompts(key_for(0, "explorer", "typical"), TYPICAL, length, 1)
                    x, y, queries = (np.asarray(array, np.float64) for array in prompts[:3])
                surprise = -self.references.batch(x, y, queries, [length]).log_evidence[:, 0] / length
                self._typical[length] = (float(surprise.mean()), float(surprise.std()))
            return self._typical[length]

    def _add_model(
        self, state: State, curves: dict[str, np.ndarray], bands: dict[str, tuple]
    ) -> tuple[Look | None, str]:
        """Adds the curve of the model, if it answers; returns its inside if that is shown, and why it has no answer."""
        x, y = _arrays(state.points[: self.longest])
        model, queries = self.film.model_of(state), self.places[None, :, None]
        found = model.predict_batch(x, y, queries, [y.shape[1]])
        if not np.isfinite(found.mean).all():
            who = self.run.judged if self.run.judged != MODEL else "the model"
            return None, f"{who}: {model.reason(x[0], y[0], queries[0])}"
        curves["model"] = found.mean[0, 0]
        add_band(bands, "model", found.mean[0, 0], found.variance[0, 0])
        return (self._look(state) if ATTENTION in state.shown and self.looks.layers else None), ""

    def _add_smoother(self, state: State, curves: dict[str, np.ndarray], bands: dict[str, tuple]) -> None:
        x, y = _arrays(state.points[: self.longest])
        found = self.smoother.predict_batch(x, y, self.places[None, :, None], [y.shape[1]])
        curves[SMOOTHER] = found.mean[0, 0]
        add_band(bands, SMOOTHER, found.mean[0, 0], found.variance[0, 0])

    def _add_exact(
        self, state: State, curves: dict[str, np.ndarray], bands: dict[str, tuple]
    ) -> tuple[dict[str, float], float]:
        """Adds the curves of the exact posteriors; returns P(family | context) and the surprise per point."""
        if self.references is None:
            return {}, float("nan")
        x, y = _arrays(state.points[: self.longest])
        count, queries = y.shape[1], self.places[None, :, None]
        exact = self.references.batch(x, y, queries, [count], variance=True, room=MOST_POINTS)
        curves["B"] = exact.bayes_mean[0, 0]
        add_band(bands, "B", curves["B"], exact.bayes_variance[0, 0])
        if self.has_combined:
            curves["C"] = exact.combined_mean[0, 0]
            add_band(bands, "C", curves["C"], exact.combined_variance[0, 0])
        names = self.mixture.family_names
        curves.update({of_class(name): mean for name, mean in zip(names, exact.class_means[0, 0], strict=True)})
        probability = dict(zip(names, exact.class_probability[0, 0].tolist(), strict=True))
        return probability, -float(exact.log_evidence[0, 0]) / count

    def _add_beside(self, state: State, curves: dict[str, np.ndarray]) -> str:
        """Adds the curves of the second run; returns why its model has no answer."""
        assert self.beside is not None
        failure = ""
        x, y = _arrays(state.points[: self.longest])
        queries, count = self.places[None, :, None], y.shape[1]
        for name in self._of_beside:
            label = of_beside(name, self.beside.name)
            if label not in state.shown:
                continue
            if name == "model":
                model = self.beside.models[0]
                mean = model.predict_batch(x, y, queries, [count]).mean[0, 0]
                if np.isfinite(mean).all():
                    curves[label] = mean
                else:
                    failure = f"{self.beside.name}: {model.reason(x[0], y[0], queries[0])}"
            elif self.beside.references is not None:
                found = self.beside.references.batch(x, y, queries, [count], room=MOST_POINTS)
                curves[label] = found.bayes_mean[0, 0]
        return failure

    @functools.cached_property
    def _of_beside(self) -> tuple[str, ...]:
        """The predictors of the second run that are shown."""
        assert self.beside is not None
        same = plain(self.beside.mixture) == plain(self.mixture)
        return ("model",) if same or self.beside.references is None else ("model", "B")

    def _look(self, state: State) -> Look:
        x, y = _arrays(state.points[: self.longest])
        return self.looks.look(
            self.film.model_of(state),
            x[0, :, 0],
            y[0],
            state.query,
            layer=min(state.layer, self.looks.layers),
            head=min(state.head, self.looks.heads),
            is_last=not self.film.step_of(state),
        )

    def _errors(self, of: dict[str, np.ndarray], curves: dict[str, np.ndarray]) -> dict[str, float]:
        if "truth" not in curves:
            return {}
        inside = (self.places >= self.inside[0]) & (self.places <= self.inside[1])
        truth = curves["truth"][inside]
        scale = max(float(truth.var()), 1e-12)
        return {
            label: float(np.square(mean[inside] - truth).mean()) / scale
            for label, mean in of.items()
            if label != "truth"
        }


def _arrays(points: tuple[tuple[float, float], ...]) -> tuple[Float[np.ndarray, "1 n 1"], Float[np.ndarray, "1 n"]]:
    both = np.asarray(points)
    return both[None, :, :1], both[None, :, 1]
