"""Weighted sums of two sources' next-token probabilities."""

from jaxtyping import Array, Float

from offprior.families._two_processes import TwoProcesses
from offprior.families.process_pool import ProcessPool
from offprior.families.sticky_chain import StickyChain
from offprior.families.token_process import TokenProcess
from offprior.families.unigram_source import UnigramSource
from offprior.parameter import Scalar, parameter


class KernelSum(TwoProcesses):
    """Sources with the transition kernel a·T₁ + (1−a)·T₂: the analogue of a·f + (1−a)·g for tokens."""

    first: TokenProcess = parameter(StickyChain(), "the family of T₁")
    second: TokenProcess = parameter(ProcessPool(UnigramSource()), "the family of T₂")
    weight: Scalar = parameter(0.5, "a", minimum=0, maximum=1)

    def combined(
        self, first: Float[Array, " vocabulary"], second: Float[Array, " vocabulary"]
    ) -> Float[Array, " vocabulary"]:
        return self.weight * first + (1 - self.weight) * second
