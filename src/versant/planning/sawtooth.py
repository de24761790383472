"""Sawtooth interpolation: how far the points below it pull an upper bound down.

With points b_i whose bounds lie d_i < 0 from the plane of the corners, the bound of an unnormalised belief b lies

    min_i d_i c_i,      c_i = min_{s: b_i(s) > 0} b(s) / b_i(s)

from it, or on it. A point can be the lowest only if c_i > lowest so far / d_i, and most are given up at their first
element. That is why it is a loop in machine code, and not array operations.

Source: Hauskrecht 2000, *Value-function approximations for partially observable Markov decision processes*.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from versant.expressions.compiled.machine import Loaded, host
from versant.expressions.compiled.objects import object_code
from versant.optimise.linear import UNIT_ROUNDOFF

__all__ = ["Points", "drops"]

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

FIRST_ROOM = 64

IR = """
define void @drops(ptr %beliefs, i64 %count, i64 %width, i64 %points, ptr %begins, ptr %places, ptr %masses,
                   ptr %depths, ptr %out) {
entry:
  br label %belief
belief:
  %k = phi i64 [ 0, %entry ], [ %k_next, %write ]
  %more = icmp slt i64 %k, %count
  br i1 %more, label %row, label %end
row:
  %offset = mul i64 %k, %width
  %b = getelementptr double, ptr %beliefs, i64 %offset
  br label %point
point:
  %i = phi i64 [ 0, %row ], [ %i_next, %given_up ]
  %lowest = phi double [ 0.0, %row ], [ %low_next, %given_up ]
  %any = icmp slt i64 %i, %points
  br i1 %any, label %look, label %write
look:
  %depth_at = getelementptr double, ptr %depths, i64 %i
  %depth = load double, ptr %depth_at
  %counts = fcmp olt double %depth, %lowest
  %i_one = add i64 %i, 1
  br i1 %counts, label %begin, label %given_up
begin:
  %needed = fdiv double %lowest, %depth
  %first_at = getelementptr i64, ptr %begins, i64 %i
  %first = load i64, ptr %first_at
  %last_at = getelementptr i64, ptr %begins, i64 %i_one
  %last = load i64, ptr %last_at
  br label %element
element:
  %j = phi i64 [ %first, %begin ], [ %j_next, %kept ]
  %share = phi double [ 0x7FF0000000000000, %begin ], [ %share_next, %kept ]
  %within = icmp slt i64 %j, %last
  br i1 %within, label %read, label %found
read:
  %place_at = getelementptr i64, ptr %places, i64 %j
  %place = load i64, ptr %place_at
  %value_at = getelementptr double, ptr %b, i64 %place
  %value = load double, ptr %value_at
  %mass_at = getelementptr double, ptr %masses, i64 %j
  %mass = load double, ptr %mass_at
  %level = fmul double %needed, %mass
  %above = fcmp ogt double %value, %level
  %j_next = add i64 %j, 1
  br i1 %above, label %kept, label %given_up
kept:
  %ratio = fdiv double %value, %mass
  %smaller = fcmp olt double %ratio, %share
  %share_next = select i1 %smaller, double %ratio, double %share
  br label %element
found:
  %pull = fmul double %share, %depth
  %better = fcmp olt double %pull, %lowest
  %new = select i1 %better, double %pull, double %lowest
  br label %given_up
given_up:
  %low_next = phi double [ %lowest, %look ], [ %lowest, %read ], [ %new, %found ]
  %i_next = add i64 %i, 1
  br label %point
write:
  %out_at = getelementptr double, ptr %out, i64 %k
  store double %lowest, ptr %out_at
  %k_next = add i64 %k, 1
  br label %belief
end:
  ret void
}
"""


def drops(beliefs: Array, begins: Indices, places: Indices, masses: Array, depths: Array) -> Array:
    """How far each belief (k, c) lies below the plane of the corners, (k,); not positive.

    Parameters
    ----------
    beliefs : (k, c) array
        Without negative elements.
    begins : (n+1,) integer array
        Where the positive elements of each point begin in the next two.
    places, masses : (e,) arrays
    depths : (n,) array
        d_i, negative; a point with 0 does not count.

    Examples
    --------
    >>> points = np.array([0, 2]), np.array([0, 1]), np.array([0.5, 0.5]), np.array([-1.0])
    >>> drops(np.array([[0.5, 0.5], [0.1, 0.9], [1.0, 0.0]]), *points).round(12)
    array([-1. , -0.2,  0. ])
    """
    beliefs = np.ascontiguousarray(beliefs)
    out = np.empty(len(beliefs))
    function, _ = _compiled()
    function(
        beliefs.ctypes.data, len(beliefs), beliefs.shape[1], len(depths), begins.ctypes.data, places.ctypes.data,
        masses.ctypes.data, depths.ctypes.data, out.ctypes.data,
    )  # fmt: skip
    out *= 1.0 - 8.0 * UNIT_ROUNDOFF  # shares may have been rounded up
    return out


@cache
def _compiled() -> tuple[Any, Loaded]:
    machine = host()
    loaded = machine.load(object_code(IR, machine))
    pointer, whole = ctypes.c_void_p, ctypes.c_int64
    kind = ctypes.CFUNCTYPE(None, pointer, whole, whole, whole, *[pointer] * 5)
    return kind(loaded.address("drops")), loaded


class Points:
    """Beliefs of one block that have been met, and how far the bound at each lies below the plane of the corners.

    Parameters
    ----------
    width : int
        Number of states of the block, c.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.count = 0
        self._begins = np.zeros(FIRST_ROOM + 1, dtype=np.intp)
        self._depths = np.zeros(FIRST_ROOM)
        self._places = np.zeros(FIRST_ROOM, dtype=np.intp)
        self._masses = np.zeros(FIRST_ROOM)
        self._number: dict[bytes, int] = {}

    @property
    def depths(self) -> Array:
        """d_i of every belief met, (n,); 0 where it pulls nothing down."""
        return self._depths[: self.count]

    @property
    def elements(self) -> int:
        """Number of positive elements of all of them."""
        return int(self._begins[self.count])

    def drops(self, beliefs: Array) -> Array:
        """How far each belief (k, c) lies below the plane of the corners, (k,)."""
        return drops(beliefs, self._begins, self._places, self._masses, self.depths)

    def add(self, belief: Array) -> int:
        """Number of a belief (c,), a new one with depth 0 if it has not been met."""
        key = belief.tobytes()
        number = self._number.setdefault(key, self.count)
        if number < self.count:
            return number
        places = np.flatnonzero(belief)
        places = places[np.argsort(-belief[places], kind="stable")]  # large elements tell points apart sooner
        begin, end = self.elements, self.elements + len(places)
        self._depths = _room(self._depths, number + 1)
        self._begins = _room(self._begins, number + 2)
        self._places, self._masses = _room(self._places, end), _room(self._masses, end)
        self._places[begin:end], self._masses[begin:end] = places, belief[places]
        self._depths[number], self._begins[number + 1] = 0.0, end
        self.count += 1
        return number

    def lower(self, number: int, depth: float) -> None:
        """Lower the depth of a belief."""
        self._depths[number] = min(depth, self._depths[number])

    def raise_plane(self, place: int, amount: float) -> None:
        """Let the plane fall by `amount` at a corner; what the points say stays as it was."""
        end = self.elements
        hit = self._places[:end] == place
        owners = np.repeat(np.arange(self.count), np.diff(self._begins[: self.count + 1]))[hit]
        risen = self._depths[owners] + amount * self._masses[:end][hit]
        slack = 4.0 * UNIT_ROUNDOFF * (np.abs(self._depths[owners]) + amount)
        self._depths[owners] = np.minimum(risen + slack, 0.0)

    def dense(self) -> Array:
        """The beliefs that pull something down, (n, c)."""
        pulling = np.flatnonzero(self.depths < 0.0)
        found = np.zeros((len(pulling), self.width))
        for row, number in enumerate(pulling.tolist()):
            part = slice(self._begins[number], self._begins[number + 1])
            found[row, self._places[part]] = self._masses[part]
        return found

    def worth(self, vectors: Array) -> Array:
        """Products of all beliefs met with vectors (m, c), (n, m)."""
        from scipy.sparse import csr_array

        end = self.elements
        parts = (self._masses[:end], self._places[:end], self._begins[: self.count + 1])
        return np.asarray(csr_array(parts, shape=(self.count, self.width)) @ vectors.T)

    def prune(self) -> None:
        """Let points go that others say as much of."""
        dense = np.zeros((1, self.width))
        for number in np.flatnonzero(self.depths):
            part = slice(self._begins[number], self._begins[number + 1])
            dense[0, self._places[part]] = self._masses[part]
            depth, self._depths[number] = self._depths[number], 0.0
            if self.drops(dense)[0] > depth:
                self._depths[number] = depth
            dense[0, self._places[part]] = 0.0


def _room(array: Any, size: int) -> Any:
    """The same array with room for `size` elements at least; it doubles, so that it is copied seldom."""
    if size <= len(array):
        return array
    larger = np.zeros(max(size, 2 * len(array)), dtype=array.dtype)
    larger[: len(array)] = array
    return larger
