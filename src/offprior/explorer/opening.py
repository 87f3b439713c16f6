"""The state of a page when it opens."""

import dataclasses
from collections.abc import Mapping

from offprior.errors import OffpriorError
from offprior.explorer.answers import Answerer
from offprior.explorer.state import State, from_query


def opened(answerer: Answerer, arguments: Mapping[str, str]) -> tuple[State, OffpriorError | None]:
    """Returns the state that an address names, limited to what the run has; if invalid, a default state and the error.

    The address may come from another run, with more models, longer contexts or other inputs.
    """
    low, high = (float(end) for end in answerer.places[[0, -1]])
    probes = answerer.probes_of(1 if arguments.get("run") == "1" else 0)
    try:
        state = from_query(arguments, tuple(answerer.mixture.family_names), answerer.choices, probes)
        state = dataclasses.replace(
            state,
            points=state.points[: answerer.longest],
            length=min(state.length, answerer.longest),
            model=min(state.model, len(answerer.models) - 1),
            query=min(max(state.query, low), high),
            layer=min(state.layer, answerer.looks.layers),
            head=min(state.head, answerer.looks.heads),
        )
        return (state if state.points else answerer.drawn(state)), None
    except OffpriorError as error:
        return State(query=min(max(0.0, low), high)), error
