"""The mixture's own sources with some of their tokens exchanged."""

from typing import ClassVar

from offprior.errors import Problem, SettingError
from offprior.families.relabelled import Relabelled
from offprior.families.sticky_chain import StickyChain
from offprior.mixture import Mixture
from offprior.parameter import parameter
from offprior.probes._token_probe import TokenProbe
from offprior.probes.probe import places


class AlphabetPermutation(TokenProbe):
    """The mixture's sources under a permutation that moves m of the tokens (ours); C knows the permutation.

    A prior that treats all tokens alike, such as Dirichlet rows, holds them all. A pool of sources or a chain that
    steps along the alphabet does not.
    """

    coordinate: ClassVar[str] = "m"
    axis: ClassVar[str] = "tokens that changed places"

    moved: tuple[int, ...] | None = parameter(
        None, "the numbers m; none, two, half and all of the tokens unless given", minimum=0, static=True
    )
    seed: int = parameter(0, "seed of the permutation", minimum=0)

    @classmethod
    def example_mixture(cls) -> Mixture:
        """Chains that step along an alphabet of six tokens."""
        return Mixture([StickyChain(vocabulary=6)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        known = mixture.processes[0].vocabulary
        found = {0, 2, max(2, known // 2), known} if self.moved is None else self.moved
        wrong = [str(moved) for moved in found if moved == 1 or moved > known]
        if wrong:
            message = f"got {', '.join(wrong)}; write 0, or from 2 to the {known} tokens of the mixture"
            raise SettingError(Problem("moved", message))
        return places("moved", sorted(found))

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        if strength == 0:
            return mixture
        families = [Relabelled(family=family, moved=int(strength), seed=self.seed) for family in mixture.processes]
        return mixture.changed(families=families, weights=mixture.weights)

    def departures(self) -> list[str]:
        return [*([f"permutation {self.seed}"] if self.seed else []), *super().departures()]
