"""The program and the options that several commands share."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from offprior import __version__

app = App(
    name="offprior",
    help="What does an in-context learner do when the prompt lies outside everything it was pretrained on?",
    version=__version__,
    help_format="plaintext",
    suppress_keyboard_interrupt=False,  # an interrupted run says how to continue it
)
app.register_install_completion_command()

Listing = Literal[
    "families", "laws", "input-laws", "models", "predictors", "probes", "figures", "recipes", "runs"
]  # fmt: skip
RecipeName = Annotated[str, Parameter(help="A recipe's name (offprior list recipes), or a YAML file.")]
Overrides = Annotated[
    list[str],
    Parameter(
        name="--set",
        negative="",
        show_default=False,
        help="Change a setting: section.key=value, as in training.steps=500.",
    ),
]
Out = Annotated[Path | None, Parameter(help="The run's folder; by default runs/RECIPE.")]
Seeds = Annotated[int, Parameter(help="Training seeds; verdicts on fewer than five are provisional.")]
Device = Annotated[
    Literal["cpu", "gpu", "tpu"] | None, Parameter(show_default=False, help="Device; by default the best available.")
]
Resume = Annotated[bool, Parameter(negative="", show_default=False, help="Continue an unfinished run.")]
What = Annotated[
    str,
    Parameter(
        help="A run's folder, a predictor's name or its address (offprior list predictors). Addresses that begin with "
        "python: or torch:, and forecast: with a module of yours, run the code that they name."
    ),
]
Trust = Annotated[
    bool,
    Parameter(negative="", help="Load files that can run code, such as pickles; do so only if you trust their source."),
]
