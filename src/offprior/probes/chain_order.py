"""Markov chains of another order than in pretraining."""

from typing import ClassVar

from offprior.families.markov_chain import MarkovChain
from offprior.mixture import Mixture
from offprior.parameter import parameter
from offprior.probes._token_probe import TokenProbe
from offprior.probes.probe import numbers_of, places


class ChainOrder(TokenProbe):
    """Markov chains with Dirichlet rows whose next token depends on the last r, for several r (ours).

    Vocabulary and concentration are those of the mixture's first family of Markov chains; without one, the
    concentration is 1.
    """

    coordinate: ClassVar[str] = "r"
    axis: ClassVar[str] = "order r of the chain"

    orders: tuple[int, ...] = parameter((1, 2, 3), "the orders r", minimum=1, static=True)

    @classmethod
    def example_mixture(cls) -> Mixture:
        """Chains of order 1 on three tokens."""
        return Mixture([MarkovChain(vocabulary=3)])

    def strengths(self, mixture: Mixture) -> tuple[float, ...]:
        found = places("orders", self.orders)
        self._chain(found[-1], mixture)
        return found

    def path(self, strength: float, mixture: Mixture) -> Mixture:
        return mixture.changed(families=[self._chain(strength, mixture)])

    def made_of(self, strength: float, mixture: Mixture) -> tuple[int, ...]:
        """Returns the family of chains of this order, if the mixture has it."""
        return numbers_of(mixture, self._chain(strength, mixture)) or super().made_of(strength, mixture)

    def _chain(self, order: float, mixture: Mixture) -> MarkovChain:
        chains = [family for family in mixture.processes if isinstance(family, MarkovChain)]
        concentration = chains[0].concentration if chains else 1.0
        return MarkovChain(vocabulary=mixture.vocabulary, order=int(order), concentration=concentration)
