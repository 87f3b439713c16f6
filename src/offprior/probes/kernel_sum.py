"""Weighted sums of two sources' next-token probabilities."""

from typing import ClassVar

from offprior.families.kernel_sum import KernelSum as SumOfKernels
from offprior.families.token_process import TokenProcess
from offprior.probes._two_token_processes import TwoTokenProcesses


class KernelSum(TwoTokenProcesses):
    """Sources with the kernel a·T₁ + (1−a)·T₂, from the second family (a = 0) to the first (a = 1).

    This is the analogue for tokens of the convex combination a·f + (1−a)·g of functions.
    """

    axis: ClassVar[str] = "weight a of T₁ in the kernel"

    def together(self, strength: float, first: TokenProcess, second: TokenProcess) -> TokenProcess:
        return SumOfKernels(first=first, second=second, weight=strength)
