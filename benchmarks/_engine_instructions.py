"""How far the kernels are from the limit that their own arithmetic sets.

The instructions of one trial are counted in the machine code: those on the shortest way around the loop over trials,
as what is rare lies on longer ways. Arithmetic is all that a vector unit does: sums, products, comparisons, choices,
masks; loads, stores and moves between registers are not counted, as other units do them. The limit is the time in
which this machine can start as many fused multiply-adds, measured in a loop of nothing else. A division counts as one
instruction; there is room for one every eight cycles (AVX2) or sixteen (AVX-512).
"""

from __future__ import annotations

import ctypes
import heapq
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, reduce

from benchmarks._engine_cases import Case
from versant.expressions.compiled.assembly import Assembly
from versant.expressions.compiled.function import write_module
from versant.expressions.compiled.loops import Loop
from versant.expressions.compiled.machine import Loaded, Machine
from versant.expressions.compiled.packing import Record, checked_columns
from versant.expressions.compiled.plan import make_plan

CHAINS, DEPTH, ROUNDS = 16, 4, 5_000


@dataclass
class Block:
    """A basic block: its instructions, and the blocks that may follow."""

    instructions: list[str]
    following: list[str]


def assembly_of(case: Case, order: int, machine: Machine) -> str:
    """Return the kernel's machine code as text."""
    plan = make_plan(case.program(order))
    record = Record.of(checked_columns(plan.data, case.rows()))
    text = machine.listing(write_module(plan, record, machine))
    return text.split("\nkernel:", 1)[1].split(".cfi_endproc", 1)[0]


def blocks_of(text: str) -> dict[str, Block]:
    blocks, name = {"entry": Block([], [])}, "entry"
    for line in (raw.split("#")[0].rstrip() for raw in text.splitlines()):
        if label := re.match(r"(\.L\w+):", line):
            if not _ends(blocks[name]):
                blocks[name].following.append(label[1])
            name = label[1]
            blocks[name] = Block([], [])
        elif re.match(r"\t[a-z]", line):
            block = blocks[name]
            block.instructions.append(line.strip())
            if jump := re.match(r"\tj\w+\s+(\.L\w+)", line):
                block.following.append(jump[1])
                rest = f"{name}+"
                blocks[rest] = Block([], [])
                if not line.startswith("\tjmp"):
                    block.following.append(rest)
                name = rest
    return blocks


def _ends(block: Block) -> bool:
    return bool(block.instructions) and block.instructions[-1].startswith(("jmp", "ret"))


def shortest_cycle(blocks: dict[str, Block], head: str) -> list[str]:
    """Return the way from a block back to it with the fewest instructions; empty if there is none."""
    queue = [(len(blocks[head].instructions), [head])]
    done: set[str] = set()
    while queue:
        length, way = heapq.heappop(queue)
        for name in blocks[way[-1]].following:
            if name == head:
                return way
            if name in blocks and name not in done:
                heapq.heappush(queue, (length + len(blocks[name].instructions), [*way, name]))
        done.add(way[-1])
    return []


def trial_of(blocks: dict[str, Block]) -> list[str]:
    """Return the instructions of one trial: of the loop that is inside the loop over groups of lanes.

    The loop over groups begins at the first block that is jumped back to. Of the others, the one with most arithmetic
    is the loop over trials: what else loops, loops over the entries of arrays.
    """
    place = {name: k for k, name in enumerate(blocks)}
    jumps = [(place[n], n) for name, block in blocks.items() for n in block.following if n in place]
    heads = [n for _, n in sorted({(at, n) for at, n in jumps if any(place[b] >= at for b in _before(blocks, n))})]
    cycles = [shortest_cycle(blocks, head) for head in heads[1:]]
    trials = [[i for name in way for i in blocks[name].instructions] for way in cycles]
    return max(trials, key=lambda instructions: sum(map(_is_arithmetic, instructions)))


def _before(blocks: dict[str, Block], name: str) -> list[str]:
    return [other for other, block in blocks.items() if name in block.following]


def _is_arithmetic(instruction: str) -> bool:
    name, _, operands = instruction.partition("\t")
    if name.startswith(("vmov", "vbroadcast", "vpbroadcast", "kmov")):
        return "{%k" in operands and not operands.rstrip().endswith(")")  # a masked move is a choice
    return name.startswith(("v", "k"))


def arithmetic(case: Case, order: int, machine: Machine) -> tuple[int, int, Counter[str]]:
    """Return how many instructions a trial of one vector of subjects has, how many are arithmetic, and of what kind."""
    trial = trial_of(blocks_of(assembly_of(case, order, machine)))
    kinds = Counter(i.partition("\t")[0] for i in trial if _is_arithmetic(i))
    return len(trial), sum(kinds.values()), kinds


@cache
def _spinning(machine: Machine) -> tuple[Loaded, Callable[[int, int], None]]:
    """Return a loop of independent chains of fused multiply-adds, in as many registers."""
    a = Assembly(machine.width, machine.fused, machine.avx512)
    a.start("entry")
    loop = Loop(a, "rounds", "%n")
    values = [loop.carry(a.real, a.constant(float(k))) for k in range(CHAINS)]
    for value in values:
        following = value
        for _ in range(DEPTH):
            following = a.muladd(following, a.constant(0.999), a.constant(1e-3))
        loop.advance(value, following)
    loop.close()
    a.act(f"store {a.real} {reduce(a.add, values)}, ptr %y, align 8")
    a.act("ret void")
    attributes = f"attributes #0 = {{ {machine.attributes} }}"
    text = "\n".join(["define void @spin(i64 %n, ptr %y) #0 {", *a.lines, "}", *a.declared.values(), attributes])
    loaded = machine.load(machine.compile(text))
    return loaded, ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)(loaded.address("spin"))


def seconds_an_instruction(machine: Machine) -> float:
    """Return the time in which one fused multiply-add of vectors can start; the least of many is the machine's."""
    _loaded, spin = _spinning(machine)
    out = (ctypes.c_double * machine.width)()
    start = time.process_time()
    spin(ROUNDS, ctypes.addressof(out))
    return (time.process_time() - start) / (ROUNDS * CHAINS * DEPTH)
