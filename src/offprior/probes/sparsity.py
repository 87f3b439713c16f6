"""Linear functions of fewer and more coordinates than in pretraining."""

from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.families.linear import Linear
from offprior.families.sparse_linear import SparseLinear
from offprior.laws.law import LawLike
from offprior.mixture import Mixture
from offprior.parameter import Scalar, parameter
from offprior.probes.probe import Probe, inputs_parameter, noise_parameter, numbers_of, of_kind, places


class Sparsity(Probe):
    """Linear functions of which s coordinates matter, from 1 to all d (arXiv 2208.01066, section 4; the range ours).

    The prior covers the sparsity of its sparse family (every sparsity if that is drawn), and s = d if it has dense
    linear functions of the same scale. C enumerates all sets of coordinates of every s. Beyond 20,000 sets there is no
    C, so that in twenty dimensions `sparsities` has to leave out the middle. Unless `normalised`, values grow with the
    number of coordinates that matter, so that the probe also changes the scale.
    """

    coordinate: ClassVar[str] = "s"
    axis: ClassVar[str] = "coordinates that matter"

    sparsities: tuple[int, ...] | None = parameter(None, "the numbers s; 1 to d unless given", minimum=1, static=True)
    normalised: bool = parameter(
        False, "whether slopes are divided by √s, so that at every s values have the family's own variance", added=True
    )
    inputs: LawLike | None = inputs_parameter()
    noise: Scalar | None = noise_parameter()

    @classmethod
    def example_mixture(cls) -> Mixture:
        """A mixture of sparse and dense linear functions."""
        return Mixture([SparseLinear(dimension=3, sparsity=1), Linear(dimension=3)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        dimension = self._linear(mixture).dimension
        found = range(1, dimension + 1) if self.sparsities is None else self.sparsities
        if any(sparsity > dimension for sparsity in self.sparsities or ()):
            message = f"got {max(found)}, but an input has {dimension} coordinates; choose at most as many"
            raise SettingError(Problem("sparsities", message))
        return places("sparsities", found)

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        known = self._linear(mixture)
        family = SparseLinear(  # pyright: ignore[reportCallIssue]
            dimension=known.dimension, sparsity=int(strength), scale=self._scale(strength, known)
        )
        return mixture.changed(families=[family])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns the families that have the functions at `strength`, or else the family that they are made from."""
        (here,) = self.path(strength, mixture).functions
        known = [family for family in mixture.functions if family.includes(here)]
        return numbers_of(mixture, *(known or [self._linear(mixture)])) or super().made_of(strength, mixture)

    def departures(self) -> list[str]:
        return [*(["normalised"] if self.normalised else []), *super().departures()]

    def _scale(self, strength: float, known: SparseLinear | Linear) -> float:
        """Returns the scale of a slope at `strength`; for a drawn sparsity, all d coordinates may matter."""
        scale = float(known.scale)
        if not self.normalised:
            return scale
        own = known.sparsity if isinstance(known, SparseLinear) else 0
        return scale * ((own or known.dimension) / strength) ** 0.5

    def _linear(self, mixture: Mixture) -> SparseLinear | Linear:
        kinds = (SparseLinear, Linear)
        drawn = [family for kind in kinds for family in of_kind(kind, mixture)]
        found = [*drawn, *(family for kind in kinds for family in mixture.families if isinstance(family, kind))]
        if not found:
            raise SettingError(Problem("name", "the mixture has no family of linear functions, sparse or dense"))
        return found[0]
