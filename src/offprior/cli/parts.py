"""Commands that list, describe and check parts and recipes, and the benchmarks."""

from typing import Annotated

from cyclopts import Parameter

from offprior.cli.options import Listing, Overrides, RecipeName, app


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
