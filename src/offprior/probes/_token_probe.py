"""Probes of token processes, which have neither inputs nor noise of their own."""

from typing import ClassVar

from offprior.probes.probe import Probe


class TokenProbe(Probe):
    """A path of mixtures of token processes."""

    applies_to: ClassVar[tuple[str, ...]] = ("tokens",)

    @property
    def inputs(self) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """None: sequences of tokens have no law of inputs."""
        return None

    @property
    def noise(self) -> None:  # pyright: ignore[reportIncompatibleVariableOverride]
        """None: sequences of tokens have no noise."""
        return None
