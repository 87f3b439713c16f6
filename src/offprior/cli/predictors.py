"""Commands that test any predictor: a run's models, one of the catalogue, or one at an address."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from offprior.cli.options import Device, Trust, What, app

Strict = Annotated[bool, Parameter(negative="", help="Stop at the first prompt that is not answered.")]
Trained = Annotated[
    bool | None,
    Parameter(show_default=False, help="Whether the predictor was pretrained; by default what its address suggests."),
]
TrainingSeed = Annotated[int, Parameter(help="The training seed of a predictor at an address.")]


@app.command
def atlas(
    what: What,
    /,
    *,
    recipe: Annotated[
        str | None, Parameter(show_default=False, help="Recipe whose mixture a predictor is probed outside of.")
    ] = None,
    pretrained_on: Annotated[
        str | None, Parameter(show_default=False, help="Recipe that a predictor at an address was pretrained on.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Output folder; by default RUN/atlas or runs/atlas-PREDICTOR.")] = None,
    tasks: Annotated[int, Parameter(help="Test prompts per cell; 0 is the default number of an atlas.")] = 0,
    probes: Annotated[
        list[str] | None,
        Parameter(consume_multiple=True, negative="", show_default=False, help="Names; by default all that apply."),
    ] = None,
    strict: Strict = False,
    trust: Trust = False,
    trained: Trained = None,
    training_seed: TrainingSeed = 0,
    device: Device = None,
) -> None:
    """Test a run's models or a predictor on every probe that applies, and list where they break first."""
    from offprior.adapters.declared import Declared
    from offprior.commands.atlas import atlas as carried_out
    from offprior.compute import devices

    devices.use(device)
    declared = Declared(strict, trust, trained, training_seed)
    carried_out(
        what,
        recipe=recipe,
        pretrained_on=pretrained_on,
        out=out,
        tasks=tasks,
        probes=probes or (),
        declared=declared,
    )


@app.command
def gap(
    what: What,
    /,
    *,
    recipe: Annotated[
        str | None, Parameter(show_default=False, help="Recipe whose mixture the predictor was pretrained on.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Output folder; by default RUN or runs/gap-PREDICTOR.")] = None,
    lengths: Annotated[
        list[int] | None,
        Parameter(consume_multiple=True, negative="", show_default=False, help="Context lengths; by default RECIPE's."),
    ] = None,
    tasks: Annotated[int, Parameter(help="Test prompts per context length; 0 is the recipe's number.")] = 0,
    strict: Strict = False,
    trust: Trust = False,
    trained: Trained = None,
    training_seed: TrainingSeed = 0,
    device: Device = None,
) -> None:
    """Measure how far a run's models or a predictor are from Bayes on their own prior, by length and family."""
    from offprior.adapters.declared import Declared
    from offprior.commands.gap import gap as carried_out
    from offprior.compute import devices

    devices.use(device)
    declared = Declared(strict, trust, trained, training_seed)
    carried_out(what, recipe=recipe, out=out, lengths=lengths or (), tasks=tasks, declared=declared)


@app.command
def audit(
    what: What,
    /,
    *,
    recipe: Annotated[
        str | None, Parameter(show_default=False, help="Recipe whose mixture the prompts are drawn from.")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Output folder; by default RUN/audit or runs/audit-PREDICTOR.")] = None,
    prompts: Annotated[int, Parameter(help="Prompts per context length.")] = 64,
    lengths: Annotated[
        list[int] | None,
        Parameter(consume_multiple=True, negative="", show_default=False, help="Context lengths; by default 5 to 40."),
    ] = None,
    strict: Strict = False,
    trust: Trust = False,
    trained: Trained = None,
    training_seed: TrainingSeed = 0,
    device: Device = None,
) -> None:
    """Test whether a run's models or a predictor are consistent with Bayesian inference under any prior at all."""
    from offprior.adapters.declared import Declared
    from offprior.commands.audit import audit as carried_out
    from offprior.compute import devices

    devices.use(device)
    declared = Declared(strict, trust, trained, training_seed)
    carried_out(what, recipe=recipe, out=out, prompts=prompts, lengths=lengths or (), declared=declared)
