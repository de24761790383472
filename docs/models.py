"""Write the list of models: ``python docs/models.py``; a test holds that it is up to date.

It also simulates and fits the models that the table of recovery under the list lacks. The whole table takes minutes:
``python -m benchmarks recovery`` prints it, and ``python docs/models.py RECOVERY`` puts what that file holds there.
"""

from __future__ import annotations

import importlib
import inspect
import math
import sys
from pathlib import Path

from versant.agents import zoo
from versant.agents.parameters import Domain

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "models.md"
MARK = "<!-- recovery: written by docs/models.py -->\n"
OPENING = """# Models

`vs.models.find(name)` gives a model; the docstring of the module named with each family has its equations, columns and
references. `python docs/models.py` writes this page.

Names and domains of parameters are those of hBayesDM where it has the model, and so are likelihoods: on its example
files, which `vs.read_trials(file)` reads as they are, those of its Stan programs to 1e-6
(`tests/test_agents_zoo_toolbox.py`), with its additional arguments at their defaults (`trans_prob` .7, `payscale` 100,
`initQ` .5). Two things differ, as those programs contradict themselves: `ts_par4` has the likelihood that is sampled
from, `ts_par4_reported` the one that is reported; `choiceRT_lba_single` scores every trial, not two a condition.
Parameters that are vectors there may be given as arrays: `omega` of `hgf_ibrb`, `v` of `choiceRT_lba`.
"""
RECOVERY = """
## Recovery

Simulated with known parameters by 40 subjects, fitted by maximum a posteriori under the default priors; which task each
model met is in `benchmarks/_zoo_designs.py`, and `python -m benchmarks recovery` runs it again. Some parameters are not
determined by a task of this length, and stay near their prior.

"""


def spelled(domain: Domain) -> str:
    """A domain in mathematics."""
    ends = [("-∞" if x < 0 else "∞") if math.isinf(x) else f"{x:g}" for x in (domain.lower, domain.upper)]
    return f"({ends[0]}, {ends[1]})"


def table() -> str:
    """Every family with its models and their parameters."""
    lines = [OPENING]
    shipped = {name: zoo.find(name) for name in zoo.names()}
    for family in zoo.FAMILIES:
        module = importlib.import_module(f"versant.agents.zoo.{family}")
        title = (inspect.getdoc(module) or "").splitlines()[0].rstrip(".")
        lines += [f"\n## {title}\n", f"`versant.agents.zoo.{family}`\n", "| model | parameters | |", "|---|---|---|"]
        for name in sorted(set(module.__all__) & set(shipped)):
            parameters = ", ".join(f"{k} {spelled(domain)}" for k, domain in shipped[name].parameters.items())
            first = " ".join((shipped[name].__doc__ or "").split("\n\n")[0].split())
            lines.append(f"| `{name}` | {parameters} | {first} |")
    return "\n".join(lines) + "\n"


def updated(page: str, recovery: str | None = None) -> str:
    """Return the page with a new list, and with a new table of recovery where one is given."""
    kept = page.partition(MARK)[2] if recovery is None else RECOVERY + recovery
    return table() + "\n" + MARK + kept


def recovered(page: str) -> str:
    """Return the page with rows for the models that its table of recovery lacks."""
    sys.path.insert(0, str(ROOT))
    rows = importlib.import_module("benchmarks.recovery").rows
    table = page.partition(MARK)[2]
    lacking = [name for name in zoo.names() if f"\n| `{name}` |" not in table]
    return page + "".join(f"{row}\n" for name in lacking for row in rows(name))


if __name__ == "__main__":
    before = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    given = Path(sys.argv[1]).read_text(encoding="utf-8") if len(sys.argv) > 1 else None
    PAGE.write_text(recovered(updated(before, given)), encoding="utf-8")
