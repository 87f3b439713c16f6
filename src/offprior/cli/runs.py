"""Commands that make, probe and show runs."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter, validators

from offprior.cli.options import Device, Out, Overrides, RecipeName, Resume, Seeds, Trust, What, app


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
def explore(
    what: What,
    beside: Annotated[str | None, Parameter(show_default=False)] = None,
    /,
    *,
    recipe: Annotated[
        str | None, Parameter(show_default=False, help="Recipe whose mixture draws the prompts of a predictor.")
    ] = None,
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
    trust: Trust = False,
    device: Device = None,
) -> None:
    """Open a page on which you drag points while the model and the exact posteriors respond.

    Parameters
    ----------
    beside
        A second run or predictor, which answers the same prompts and whose verdicts are shown next to the first's.
    """
    from offprior.adapters.declared import Declared
    from offprior.compute import devices
    from offprior.explorer.show import show

    devices.use(device)
    show(
        what,
        beside,
        host=host,
        port=port,
        opens_browser=not no_browser,
        static=static,
        recipe=recipe,
        declared=Declared(trust=trust),
    )


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
