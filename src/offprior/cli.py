"""The command line; jax and the parts are imported only by the commands that need them, never for help."""

import errno
import sys
import warnings
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, CycloptsError, Parameter, validators

from offprior import __version__
from offprior.console.output import one_line, survive
from offprior.errors import OffpriorError

RESUMED = ("run", "pretrain")
"""Commands that take --resume."""

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


@app.command
def run(
    recipe: RecipeName,
    /,
    *,
    overrides: Overrides = [],  # noqa: B006, cyclopts reads it as "none"
    out: Out = None,
    seeds: Seeds = 1,
    resume: Resume = False,
    device: Device = None,
) -> None:
    """Pretrain a recipe's models, probe them and write the report."""
    from offprior.commands.run import run
    from offprior.compute import devices

    devices.use(device)
    run(recipe, overrides=overrides, out=out, seeds=seeds, resume=resume)


@app.command
def pretrain(
    recipe: RecipeName,
    /,
    *,
    overrides: Overrides = [],  # noqa: B006
    out: Out = None,
    seeds: Seeds = 1,
    resume: Resume = False,
    device: Device = None,
    distributed: Annotated[
        bool,
        Parameter(
            negative="",
            show_default=False,
            help="Run as one of several processes that train together, started by Slurm or Open MPI, or with "
            "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID set.",
        ),
    ] = False,
) -> None:
    """Pretrain a recipe's models; `offprior probe` continues from there."""
    from offprior.commands.pretrain import pretrain_run
    from offprior.compute import devices

    if distributed:
        devices.join()
    devices.use(device)
    pretrain_run(recipe, overrides=overrides, out=out, seeds=seeds, resume=resume)


@app.command
def probe(run: Path, /, *probes: str, device: Device = None) -> None:
    """Probe a pretrained run, with its recipe's probes or with those named.

    Parameters
    ----------
    run
        The run's folder.
    probes
        Names of probes (offprior list probes); the recipe's when left out.
    """
    from offprior.commands.probe import probe_run
    from offprior.compute import devices

    devices.use(device)
    probe_run(run, probes)


@app.command
def atlas(
    what: str,
    /,
    *,
    recipe: Annotated[
        str | None, Parameter(show_default=False, help="Recipe whose mixture is the prior of the predictor.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Output folder; by default RUN/atlas or runs/atlas-PREDICTOR.")] = None,
    tasks: Annotated[int, Parameter(help="Test prompts per cell; 0 is the default number of an atlas.")] = 0,
    probes: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, negative="", show_default=False, help="Names; by default all that apply."),
    ] = None,
    strict: Annotated[bool, Parameter(negative="", help="Stop at the first prompt that is not answered.")] = False,
    device: Device = None,
) -> None:
    """Test a run's models or a predictor on every probe that applies, and list where they break first.

    Parameters
    ----------
    what
        A run's folder, a predictor's name or address (offprior list predictors); python: runs the code it names.
    """
    from offprior.commands.atlas import atlas as carried_out
    from offprior.compute import devices

    devices.use(device)
    carried_out(what, recipe=recipe, out=out, tasks=tasks, probes=probes or (), strict=strict)


@app.command
def explore(
    run: Path,
    beside: Path | None = None,
    /,
    *,
    host: Annotated[str, Parameter(help="Address to listen on; any but the loopback exposes the page.")] = (
        "127.0.0.1"
    ),
    port: Annotated[
        int, Parameter(help="Port to listen on; 0 picks a free one.", validator=validators.Number(gte=0, lte=65535))
    ] = 5006,
    no_browser: Annotated[bool, Parameter(negative="", help="Print the address without opening a browser.")] = False,
    static: Annotated[
        Path | None, Parameter(show_default=False, help="Write the page to this file, which needs no server.")
    ] = None,
    device: Device = None,
) -> None:
    """Open a page on which you drag points while the model and the exact posteriors respond.

    Parameters
    ----------
    run
        The run's folder.
    beside
        A second run, whose model answers the same prompts and whose verdicts are shown next to those of the first.
    """
    from offprior.compute import devices
    from offprior.explorer.show import show

    devices.use(device)
    show(run, beside, host=host, port=port, opens_browser=not no_browser, static=static)


@app.command
def report(
    *runs: Path,
    style: Annotated[
        Literal["page", "paper"], Parameter(help="A page of everything, or figures and LaTeX tables for a paper.")
    ] = "page",
    width: Annotated[
        float | None, Parameter(show_default=False, help="Width of a paper's figures, in inches; by default 3.25.")
    ] = None,
    only: Annotated[
        list[str] | None,
        Parameter(
            consume_multiple=True,
            negative="",
            show_default=False,
            help="A paper's figures by name: error-by-strength, error-by-strength:convex, error-by-strength:convex:40.",
        ),
    ] = None,
    out: Annotated[
        Path | None, Parameter(show_default=False, help="Folder of a paper's figures; by default RUN/report/paper.")
    ] = None,
) -> None:
    """Write the report of a run again, one report of several runs, or figures for a paper.

    Parameters
    ----------
    runs
        The runs' folders.
    """
    from offprior.commands.report import report as write

    write(runs, style=style, width=width, only=only or (), out=out)


@app.command(name="list")
def list_(what: Listing | None = None, /) -> None:
    """List families, laws, models, predictors, probes, figures, recipes or runs; all of them by default.

    Parameters
    ----------
    what
        The sort of thing to list.
    """
    from offprior.commands.list import print_list

    print_list(what)


@app.command
def describe(name: str, /) -> None:
    """Describe a part with its parameters, a recipe, a section of a recipe or a metric.

    Parameters
    ----------
    name
        A name that `offprior list` shows, a section of a recipe, or the code of a metric, as in M5.
    """
    from offprior.commands.describe import print_description

    print_description(name)


@app.command
def validate(
    file: RecipeName,
    /,
    *,
    overrides: Overrides = [],  # noqa: B006
) -> None:
    """Check a recipe and report every mistake in it."""
    from offprior.commands.trial_of_parts import read_and_try

    recipe = read_and_try(file, overrides)
    print(f"{file}: valid ({recipe.name}, {recipe.fingerprint()})")


@app.command(help_flags=[])
def bench(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True)]) -> None:
    """Measure training steps against PyTorch and plain JAX, then posteriors; needs a checkout of offprior.

    Parameters
    ----------
    arguments
        `training` or `inference` for one of them alone, then its options, which --help lists.
    """
    from offprior.commands.bench import run_benchmarks

    run_benchmarks(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and returns the exit code: 2 for an error that the user can fix, 130 for an interruption."""
    survive(sys.stdout, sys.stderr)
    with warnings.catch_warnings():
        warnings.showwarning = one_line
        return _main(arguments)


def _main(arguments: list[str] | None) -> int:
    try:
        app(arguments, exit_on_error=False, print_error=False, result_action="return_none")
    except CycloptsError as error:
        return _fail(f"offprior: {' '.join(str(error).split())} (offprior --help)")
    except OffpriorError as error:
        return _fail(str(error))
    except KeyboardInterrupt as interruption:
        given = sys.argv[1:] if arguments is None else arguments
        # An interrupted library may raise this with a message of its own, or a blank one.
        how = str(interruption).strip() or ("continue with --resume" if given and given[0] in RESUMED else "")
        print("; ".join(filter(None, ("interrupted", how))), file=sys.stderr)
        return 130
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise
        return _fail(f"{error.filename or 'writing'}: {error.strerror}")
    return 0


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 2
