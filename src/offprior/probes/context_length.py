"""Contexts shorter and longer than in pretraining."""

from collections.abc import Sequence
from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter


class ContextLength(Probe):
    """The mixture's own prompts with contexts of k pairs, also beyond the training length if a model can (ours)."""

    coordinate: ClassVar[str] = "k"
    axis: ClassVar[str] = "context length k"
    applies_to: ClassVar[tuple[str, ...]] = ("functions", "tokens")
    along_context: ClassVar[bool] = True

    ks: tuple[int, ...] = parameter((1, 2, 5, 10, 20, 40, 60, 80), "the context lengths, in pairs", static=True)
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    def __check_init__(self):
        wrong = [str(k) for k in self.ks if k < 0]
        if not self.ks or wrong:
            given = ", ".join(wrong) or "nothing"
            raise SettingError([Problem("ks", f"got {given}; write context lengths of 0 or more")])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        return tuple(float(k) for k in sorted(set(self.ks)))

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return True

    def lengths(self, lengths: Sequence[int], mixture: Mixture) -> tuple[int, ...]:
        return tuple(sorted(set(self.ks)))
