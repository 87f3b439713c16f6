"""Classification of classes that pretraining never showed."""

from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.families.labelled_digits import LabelledDigits
from offprior.input_laws._digits import CLASSES
from offprior.input_laws.digit_images import DigitImages
from offprior.laws.law import Law
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, first_of, noise_parameter, places


class UnseenClasses(Probe):
    """Prompts in which u of the classes are digits that the mixture has not shown (ours).

    Images are those kept for tests: at u = 0 they are new images of known classes. C knows the classes of the prompt.
    """

    coordinate: ClassVar[str] = "u"
    axis: ClassVar[str] = "classes of the prompt that are new"

    unseen: tuple[int, ...] | None = parameter(
        None, "the new digits; those that the mixture lacks unless given", minimum=0, maximum=CLASSES - 1, static=True
    )
    counts: tuple[int, ...] | None = parameter(
        None, "the numbers u; none, one and as many as there are unless given", minimum=0, static=True
    )
    noise: Scalar | None = noise_parameter()

    @property
    def inputs(self) -> None:
        """Always None: the path itself sets the inputs."""
        return None

    @classmethod
    def example_mixture(cls) -> Mixture:
        """Three digits, in four components."""
        classes = (0, 1, 2)
        return Mixture([LabelledDigits(classes=classes, dimension=4)], inputs=DigitImages(classes=classes))

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        seen, new = self._classes(mixture)
        most = min(len(seen), len(new))
        found = sorted({0, 1, most}) if self.counts is None else self.counts
        if max(found, default=0) > most:
            message = f"got {max(found)}; a prompt has {len(seen)} classes and {len(new)} are new: at most {most}"
            raise SettingError(Problem("counts", message))
        return places("counts", found)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        seen, new = self._classes(mixture)
        family = first_of(LabelledDigits, mixture, "labelled digits, whose classes")
        count = int(strength)
        classes = (*seen[: len(seen) - count], *new[:count])
        families = [LabelledDigits(classes=classes, dimension=family.dimension)] if count else [family]
        return mixture.changed(families=families, inputs=DigitImages(classes=classes, half="second"))

    def keeps_functions(self, strength: float, mixture: Mixture) -> bool:
        return strength == 0 and len(mixture.families) == 1

    def gated_inputs(self, strength: float, mixture: Mixture) -> Law:
        """Returns new images of the known classes."""
        return DigitImages(classes=self._classes(mixture)[0], half="second")

    def departures(self) -> list[str]:
        return [*([f"new {''.join(map(str, self.unseen))}"] if self.unseen else []), *super().departures()]

    def _classes(self, mixture: Mixture) -> tuple[tuple[int, ...], tuple[int, ...]]:
        seen = first_of(LabelledDigits, mixture, "labelled digits, whose classes").classes
        left = tuple(one for one in range(CLASSES) if one not in seen)
        new = left if self.unseen is None else self.unseen
        known = [one for one in new if one in seen]
        if known or not new:
            message = f"the mixture has shown {known[0]}" if known else "the mixture has shown all digits"
            raise SettingError(Problem("unseen", f"{message}; choose from {', '.join(map(str, left)) or 'none'}"))
        return seen, new
