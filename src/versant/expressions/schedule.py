"""In which order the interpreter computes what: as little as possible trial after trial.

Only what the next trial's state needs has to wait for this one's. The nodes of a recurrence fall into four parts:

    once     parameters and constants alone, such as the initial state
    ahead    data, but no state: for many trials at a time, before these
    within   what the updates need of the state, and arrays in memory: trial after trial
    behind   what is left, such as likelihoods and their derivatives: for many trials at a time, after these
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any

import numpy as np

from versant.expressions.evaluate import EVALUATE, PLAIN
from versant.expressions.graph import Node, topological
from versant.expressions.recurrence import Slot, needed

__all__ = ["Schedule", "Steps", "compute", "constant_value", "schedule"]


def constant_value(node: Node) -> Any:
    """Return what a constant stands for: a number, or an array filled with it."""
    return np.full((1, node.size), node.payload) if node.size else node.payload


def compute(node: Node, values: Sequence[Any]) -> Any:
    """Apply a node's operation to its arguments' values; scalars are spread over the entries of arrays."""
    if node.size and node.op not in ("store", "element"):
        values = [
            np.asarray(v)[..., None] if a.size == 0 and np.ndim(v) else v
            for a, v in zip(node.args, values, strict=True)
        ]
    return EVALUATE[node.op](node.payload, *values)


class Steps:
    """Operations in order; what nothing needs any more is let go.

    Parameters
    ----------
    nodes : sequence of Node
        Each after its arguments.
    kept : collection of int
        Serial numbers of nodes whose values are still wanted afterwards.
    """

    def __init__(self, nodes: Sequence[Node], kept: Collection[int]) -> None:
        last = {a.serial: node.serial for node in nodes for a in node.args}
        own = {node.serial for node in nodes} - set(kept)
        gone: dict[int, list[int]] = {}
        for serial, reader in last.items():
            if serial in own:
                gone.setdefault(reader, []).append(serial)
        self._steps = [(n.serial, _operation(n), _reader(n), gone.get(n.serial, ())) for n in nodes]

    def run(self, values: dict[int, Any]) -> None:
        """Add the nodes' values to those of their arguments, by serial number."""
        for serial, operation, read, gone in self._steps:
            values[serial] = operation(*read(values))
            for other in gone:
                del values[other]


def _operation(node: Node) -> Callable[..., Any]:
    if node.size:
        return lambda *values: compute(node, values)
    return PLAIN[node.op] if node.op in PLAIN else partial(EVALUATE[node.op], node.payload)


def _reader(node: Node) -> Callable[[Mapping[int, Any]], tuple[Any, ...]]:
    """Return what picks the arguments' values."""
    serials = [a.serial for a in node.args]
    if len(serials) > 1:
        return itemgetter(*serials)
    return lambda values: (values[serials[0]],)


@dataclass(frozen=True)
class Schedule:
    """The parts of a recurrence; see the module.

    Attributes
    ----------
    slots : tuple of Slot
        Those on which the outputs depend.
    leaves : tuple of Node
        Parameters, states and data that are read.
    constants : mapping
        Serial number → value.
    once, ahead, within, behind : Steps
    served : tuple of int
        What `within` reads of `ahead`, data leaves among them.
    kept : tuple of int
        What `behind` and the outputs read of `within`, states among them.
    """

    slots: tuple[Slot, ...]
    leaves: tuple[Node, ...]
    constants: Mapping[int, Any]
    once: Steps
    ahead: Steps
    within: Steps
    behind: Steps
    served: tuple[int, ...]
    kept: tuple[int, ...]


@lru_cache(maxsize=64)
def schedule(slots: tuple[Slot, ...], outputs: tuple[Node, ...]) -> Schedule:
    """Divide what the outputs need. The last schedules are kept."""
    required = needed(slots, outputs)
    updates, initial = [slot.update for slot in required], {slot.initial.serial for slot in required}
    order = topological([*(slot.initial for slot in required), *updates, *outputs])
    part = _parts(order, updates)
    parts: dict[str, list[Node]] = {name: [] for name in ("once", "ahead", "within", "behind")}
    for node in order:
        if node.args:
            parts[part[node.serial]].append(node)
    read = {name: {a.serial for n in nodes for a in n.args} for name, nodes in parts.items()}
    by_updates, by_outputs = {n.serial for n in updates}, {n.serial for n in outputs}
    within, behind = read["within"] | by_updates, read["behind"] | by_outputs
    kept = {serial for serial in behind if part[serial] == "within"}
    return Schedule(
        slots=tuple(required),
        leaves=tuple(n for n in order if not n.args and n.op != "const"),
        constants={n.serial: constant_value(n) for n in order if n.op == "const"},
        once=Steps(parts["once"], read["ahead"] | within | behind | initial),
        ahead=Steps(parts["ahead"], within | behind),
        within=Steps(parts["within"], kept | by_updates),
        behind=Steps(parts["behind"], by_outputs),
        served=tuple(serial for serial in within if part[serial] == "ahead"),
        kept=tuple(kept),
    )


def _parts(order: Sequence[Node], updates: Sequence[Node]) -> dict[int, str]:
    """Return to which part each node belongs, by serial number."""
    part: dict[int, str] = {}
    for node in order:
        below = {part[a.serial] for a in node.args}
        in_memory = node.size or any(a.size for a in node.args)
        if node.op == "state" or (in_memory and below - {"once"}):
            part[node.serial] = "within"
        elif below & {"within", "behind"}:
            part[node.serial] = "behind"
        else:
            part[node.serial] = "ahead" if node.op == "data" or "ahead" in below else "once"
    needed = {update.serial for update in updates}
    for node in reversed(order):
        if node.serial in needed and part[node.serial] == "behind":
            part[node.serial] = "within"
        if part[node.serial] == "within":
            needed.update(a.serial for a in node.args)
    return part
