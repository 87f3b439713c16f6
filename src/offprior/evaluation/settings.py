"""How a run is evaluated: the settings of a recipe's `evaluation` section."""

from offprior.errors import Problem, SettingError
from offprior.parameter import Part, parameter


class Evaluation(Part):
    """Context lengths, test prompts per cell, queries per prompt, and the seed of the test prompts."""

    lengths: tuple[int, ...] = parameter((5, 10, 20, 40), "context lengths, in pairs", static=True)
    tasks: int = parameter(256, "test prompts per cell", minimum=2)
    queries: int = parameter(64, "queries per prompt", minimum=4)
    seed: int = parameter(0, "seed of the test prompts, the same for all training seeds", minimum=0)

    def __check_init__(self):
        wrong = [str(length) for length in self.lengths if length < 0]
        if not self.lengths or wrong:
            given = ", ".join(wrong) or "nothing"
            raise SettingError([Problem("lengths", f"got {given}; write context lengths of 0 or more")])
