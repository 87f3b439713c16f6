"""What a user declares of a predictor at an address."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Declared:
    """What cannot be read off a predictor at an address, and how it is to be treated."""

    strict: bool = False
    """Whether the first prompt that it does not answer ends the evaluation."""
    trust: bool = False
    """Whether files that can hold code, such as pickles, may be loaded."""
    trained: bool | None = None
    """Whether it was pretrained, so that verdicts depend on its training seeds; None for the default of its scheme."""
    seed: int = 0
    """The seed of its training."""
