"""Reading Cassandra's .POMDP files, and .cpomdp files with costs and budgets.

The file is read in blocks, its tables stay sparse, and sizes are checked against the free memory before anything of
that size is allocated. Probabilities that were rounded in the file (their sum misses one by at most 1e-5) are rescaled
and reported in `Pomdp.notes`; a larger miss is an error, unless ``normalise=True`` asks for repairs.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import numpy as np

from versant.errors import FormatError
from versant.formats.cassandra_draft import Draft
from versant.formats.cassandra_kernels import resolve_kernels
from versant.formats.cassandra_parser import parse
from versant.formats.cassandra_rewards import expected_rewards
from versant.formats.cassandra_sums import Rows
from versant.formats.cassandra_tokens import Scanner
from versant.formats.cassandra_trace import line_of_row
from versant.tasks.pomdp import Pomdp

__all__ = ["read_cassandra"]


def read_cassandra(path: str | os.PathLike[str], normalise: bool = False) -> Pomdp:
    """Read a POMDP from a .POMDP or .cpomdp file.

    Parameters
    ----------
    path : path-like
    normalise : bool
        Rescale rows whatever their sum, and make states without any transition absorbing; every such repair is
        reported.

    Returns
    -------
    Pomdp
        Its `notes` say what was assumed, rescaled or repaired.

    Raises
    ------
    FormatError
        Where the file cannot be opened, does not follow the format, or has probabilities that do not sum to one.
    VersantError
        Where the problem would not fit into memory.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "lamp.pomdp"
    >>> _ = file.write_text("discount: 0.9 states: off on actions: look observations: 2 T: * identity O: * identity")
    >>> read_cassandra(file)
    Pomdp('lamp': 2 states, 1 actions, 2 observations, discount=0.9, costs=[])
    """
    source = os.fspath(path)
    try:
        with open(path, "rb") as stream:
            scanner = Scanner(stream, source)
            if scanner.peek().text.startswith("<"):
                scanner.fail("expected Cassandra's format; this looks like XML (POMDPX?)")
            draft = parse(scanner, normalise)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", source) from error
    return _assemble(draft, Path(source).stem, normalise)


def _assemble(draft: Draft, name: str, normalise: bool) -> Pomdp:
    """Resolve the logs of a draft."""
    spaces = draft.spaces()
    if spaces is None:
        absent = [f"{noun}:" for noun in ("states", "actions", "observations") if getattr(draft, noun) is None]
        raise FormatError(f"expected {' and '.join(absent)} somewhere in the file", draft.source)
    states, actions, observations = spaces
    for log in (draft.transitions, draft.emissions, draft.rewards, *draft.cost_logs):
        log.close(actions.size)
    shape = (actions.size, states.size)
    line = partial(line_of_row, draft.source)
    transitions = Rows("transitions", actions, states, draft, normalise, line).distributions(
        resolve_kernels(draft.transitions, "T", *shape, states.size)
    )
    emissions = Rows("emissions", actions, states, draft, normalise, line).distributions(
        resolve_kernels(draft.emissions, "O", *shape, observations.size)
    )
    if draft.start is None:
        draft.notes.append("start: absent, read as uniform")
    return Pomdp(
        states=states.all_names(),
        actions=actions.all_names(),
        observations=observations.all_names(),
        transitions=transitions,
        emissions=emissions,
        rewards=draft.sign * expected_rewards(draft.rewards, transitions, emissions) + 0.0,
        start=np.full(states.size, 1.0 / states.size) if draft.start is None else draft.start,
        discount=draft.discount,
        costs={
            cost: expected_rewards(log, transitions, emissions)
            for cost, log in zip(draft.costs.names, draft.cost_logs, strict=True)
        },
        budgets=draft.budgets,
        floors=draft.floors,
        horizon=draft.horizon,
        name=name,
        notes=tuple(draft.notes),
    )
