"""Value, gradient and Hessian of whole groups: kernels against the interpreter, hand-written C and numba, and JAX.

Every contender is given the same data and parameters, and its answer is compared with ours before it is timed. They
are timed in turns: the table gives ours in nanoseconds a trial and subject, and how many times longer the others take,
the median of the turns and their range. On one thread the time is the process's CPU time; on all threads it is wall
time, rivals being given each a part of the subjects on every thread. A second table says how far the kernels are from
the limit set by the instructions of a trial.

    python -m benchmarks engine                     1,000 subjects, 200 trials
    python -m benchmarks.engine --whole             20 x 100, 1,000 x 200 and 10,000 x 200, on one thread and on all
    python -m benchmarks.engine --sources           where the rivals' sources are
"""

from __future__ import annotations

import argparse
import importlib
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks._engine_cases import Case, cases
from benchmarks._engine_instructions import arithmetic, seconds_an_instruction
from versant.expressions.compiled.kernel import Kernel
from versant.expressions.compiled.machine import host
from versant.expressions.compiled.workers import available
from versant.expressions.engine import Interpreter

SIZES = ((20, 100), (1_000, 200), (10_000, 200))
QUICK = ((1_000, 200),)
RIVALS = ("c", "numba", "jax")
REST = 0.05
"""Seconds before each turn: threads of a rival (JAX's) spin for a while after their work, and CPU time counts them."""
TURNS, SLOW_TURNS = 15, 3
SLOW = 0.3  # seconds; what takes longer is timed in fewer turns
LEAST = 0.004  # seconds; what is faster is repeated within a turn
INTERPRETED = 250_000  # trials up to which the interpreter is timed

Work = Callable[[], np.ndarray]


def cpu_name() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def importable() -> tuple[str, ...]:
    found = []
    for name in RIVALS:
        try:
            importlib.import_module(f"benchmarks._engine_{name}")
        except ImportError as error:
            print(f"{name} is left out: {error}")
        else:
            found.append(name)
    return tuple(found)


def part(case: Case, subjects: slice) -> Case:
    columns = {name: column[subjects] for name, column in case.columns.items()}
    return replace(case, columns=columns, parameters=case.parameters[subjects])


def rival(name: str, case: Case, order: int, threads: int, pool: ThreadPoolExecutor) -> Work:
    """Return a rival's evaluation, on several threads by giving each a part of the subjects."""
    evaluator = importlib.import_module(f"benchmarks._engine_{name}").evaluator
    if threads == 1:
        only: Work = evaluator(case, order)
        return only
    cuts = np.linspace(0, case.subjects, threads + 1).astype(int)
    works = [evaluator(part(case, slice(a, b)), order) for a, b in pairwise(cuts)]
    return lambda: np.concatenate(list(pool.map(lambda work: work(), works)), axis=1)


@contextmanager
def contenders(case: Case, order: int, threads: int, rivals: Sequence[str]) -> Iterator[dict[str, Work]]:
    program, rows, subjects = case.program(order), case.rows(), np.arange(case.subjects)
    kernel, interpreter = Kernel(program, rows, threads=threads), Interpreter(program, rows)
    with ThreadPoolExecutor(threads) as pool:
        found: dict[str, Work] = {"kernel": lambda: kernel.sums(case.parameters, subjects)}
        if threads == 1 and case.subjects * case.trials <= INTERPRETED:
            found["interpreter"] = lambda: interpreter.sums(case.parameters, subjects)
        for name in rivals:
            found[name] = rival(name, case, order, threads, pool)
        yield found


def check(works: dict[str, Work]) -> None:
    expected = works["kernel"]()
    scale = np.maximum(np.abs(expected).max(axis=1, keepdims=True), 1.0)
    for name, work in works.items():
        np.testing.assert_allclose(work() / scale, expected / scale, rtol=0, atol=1e-10, err_msg=name)


def seconds(work: Work, repeats: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(repeats):
        work()
    return (clock() - start) / repeats


def in_turns(works: dict[str, Work], clock: Callable[[], float]) -> dict[str, list[float]]:
    once = {name: seconds(work, 1, time.perf_counter) for name, work in works.items()}
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(TURNS):
        for name, work in works.items():
            if once[name] < SLOW or turn < SLOW_TURNS:
                time.sleep(REST)
                work()
                taken[name].append(seconds(work, max(1, int(LEAST / once[name])), clock))
    return taken


def ratio(ours: list[float], theirs: list[float]) -> str:
    ratios = np.array(theirs) / np.array(ours[: len(theirs)])
    return f"{np.median(ratios):.3g} ({ratios.min():.3g}-{ratios.max():.3g})"


def compare(sizes: Sequence[tuple[int, int]], thread_counts: Sequence[int], rivals: Sequence[str]) -> None:
    print(" | ".join(["model", "subjects", "threads", "order", "ns/trial", "interpreter", *rivals]))
    for subjects, trials in sizes:
        for threads in thread_counts:
            clock = time.process_time if threads == 1 else time.perf_counter
            for case in cases(subjects, trials):
                for order in (1, 2):
                    with contenders(case, order, threads, rivals) as works:
                        check(works)
                        taken = in_turns(works, clock)
                    ours = np.array(taken["kernel"]) / (subjects * trials) * 1e9
                    cells = [case.model, f"{subjects} x {trials}", str(threads), str(order)]
                    cells += [f"{np.median(ours):.3g} ({ours.min():.3g}-{ours.max():.3g})"]
                    for name in ("interpreter", *rivals):
                        cells.append(ratio(taken["kernel"], taken[name]) if name in taken else "-")
                    print(" | ".join(cells), flush=True)


def limits() -> None:
    """Print how far the kernels are from what their own arithmetic would take, each at its fastest."""
    machine = host()
    head = ("model", "order", "instructions a trial", "arithmetic", "ns/trial at the limit", "measured / limit")
    print(" | ".join(head))
    for case in cases(*QUICK[0]):
        for order in (1, 2):
            kernel, subjects = Kernel(case.program(order), case.rows()), np.arange(case.subjects)
            every, counted, _kinds = arithmetic(case, order, machine)
            at_limit, spent = [], []
            for _ in range(10 * TURNS):
                at_limit.append(seconds_an_instruction(machine) * counted / machine.width)
                taken = seconds(partial(kernel.sums, case.parameters, subjects), 1, time.process_time)
                spent.append(taken / (case.subjects * case.trials))
            limit, least = min(at_limit), min(spent)
            print(f"{case.model} | {order} | {every} | {counted} | {limit * 1e9:.3g} | {least / limit:.2f}", flush=True)


def main(arguments: Sequence[str] = ()) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--whole", action="store_true", help="all sizes, on one thread and on all")
    parser.add_argument("--sources", action="store_true", help="say where the rivals' sources are")
    chosen = parser.parse_args(arguments)
    if chosen.sources:
        for path in sorted(Path(__file__).parent.glob("_engine_*")):
            print(path.relative_to(Path(__file__).parent.parent))
        return
    rivals = importable()
    print(f"{cpu_name()}, {available()} CPUs, Python {platform.python_version()}; times longer than the kernel's")
    counts = sorted({1, available()}) if chosen.whole else [1]
    compare(SIZES if chosen.whole else QUICK, counts, rivals)
    limits()


if __name__ == "__main__":
    import sys

    main(sys.argv[1:])
