"""Normalised geometric means of two sources' next-token probabilities."""

from typing import ClassVar

from offprior.families.log_linear import LogLinear as LogLinearSource
from offprior.families.token_process import TokenProcess
from offprior.probes._two_token_processes import TwoTokenProcesses


class LogLinear(TwoTokenProcesses):
    """Sources with the kernel T₁ᵃ·T₂¹⁻ᵃ, normalised, from the second family (a = 0) to the first (a = 1)."""

    axis: ClassVar[str] = "exponent a of T₁ in the kernel"

    def together(self, strength: float, first: TokenProcess, second: TokenProcess) -> TokenProcess:
        return LogLinearSource(first=first, second=second, weight=strength)
