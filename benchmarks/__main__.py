"""Run the benchmarks: `python -m benchmarks` lists them, `python -m benchmarks NAME …` runs some, `all` runs all.

Each prints one table: ratios against what a user would pick instead, measured in the same run, with their spread.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
from pathlib import Path

for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):  # before NumPy: waiting threads would
    os.environ.setdefault(threads, "1")  # be counted against rivals whose matrices are tiny


def available() -> dict[str, str]:
    """Name → first line of the module's docstring."""
    found = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)]):
        if not module.name.startswith("_"):
            loaded = importlib.import_module(f"benchmarks.{module.name}")
            if hasattr(loaded, "main"):
                found[module.name] = (loaded.__doc__ or "").strip().splitlines()[0]
    return found


def run(names: list[str]) -> int:
    """Run the benchmarks named; return an exit code."""
    known = available()
    if not names:
        for name, line in known.items():
            print(f"{name:12s} {line}")
        print("run some with: python -m benchmarks NAME …, or: make bench RUN='NAME …'")
        return 0
    unknown = sorted(set(names) - {*known, "all"})
    if unknown:
        print(f"no benchmark is named {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    for name in known if "all" in names else names:
        importlib.import_module(f"benchmarks.{name}").main()
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
