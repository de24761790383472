"""Models by name: a learner that ships with versant, or one that a Python file defines (``path/to/file.py:NAME``).

A saved result refers to its model in this way and by the digest of its traced equations; `resolve` finds it again.
"""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

from versant.agents import zoo
from versant.agents.learner import Learner
from versant.errors import ModelError

__all__ = ["find_model", "reference", "resolve"]


def find_model(text: str) -> Learner:
    """Return a shipped learner, or the one that ``path/to/file.py:NAME`` defines; that file is executed.

    Raises
    ------
    ModelError
        If there is no such model, file or name, the file fails, or the name is no learner.
    """
    name, sign, function = text.rpartition(":")
    if not sign:
        if text.endswith(".py"):
            raise ModelError(f"say which learner of {text}: {text}:FUNCTION")
        return zoo.find(text)
    module = _execute(Path(name))
    learners = _learners(module)
    there = f"the learners there are {', '.join(learners)}" if learners else "it defines no learner"
    if not hasattr(module, function):
        raise ModelError(f"{name} has no {function!r}; {there}")
    found = getattr(module, function)
    if not isinstance(found, Learner):
        raise ModelError(f"{function!r} in {name} is no learner: decorate it with @vs.learner(...); {there}")
    return found


def reference(learner: Learner) -> dict[str, Any]:
    """Return where a learner is defined, as JSON-able values.

    ``{"shipped": name}``, with ``name`` and ``reset`` of a variant that starts anew elsewhere than the shipped learner;
    or ``{"file": path, "name": name}``, or ``{"name": name}`` of one that no file defines.
    """
    if learner.name in zoo.names() and zoo.find(learner.name) is learner:
        return {"shipped": learner.name}
    origin = _varied(learner)
    if origin is not None:
        reset = {level: list(names) for level, names in learner.reset.items()}
        return {"shipped": origin.name, "name": learner.name, "reset": reset}
    file = Path(learner.function.__code__.co_filename)
    if file.suffix != ".py" or not file.is_file():
        return {"name": learner.name}
    return {"file": str(file.resolve()), "name": learner.name}


def resolve(where: Mapping[str, Any], beside: Path) -> Learner:
    """Return the learner that a reference means.

    Parameters
    ----------
    where : mapping
        As `reference` returns it.
    beside : Path
        The folder of the file that refers to it: a model's file that has moved is looked for there, too.

    Raises
    ------
    ModelError
        If it is not there any more, or was defined in no file.
    """
    name = where.get("name")
    if "shipped" in where:
        shipped = zoo.find(str(where["shipped"]))
        reset = {str(level): tuple(names) for level, names in where.get("reset", {}).items()}
        return shipped if name is None else shipped.variant(str(name), reset=reset)
    if "file" not in where:
        raise ModelError(f"{name!r} was defined in no file that could be read again: give model=")
    file = Path(str(where["file"]))
    found = next((path for path in (file, beside / file.name) if path.is_file()), None)
    if found is None:
        raise ModelError(f"{file}, where {name!r} was defined, is not there any more: give model=")
    learners = [value for value in _learners(_execute(found)).values() if value.name == name]
    if not learners:
        raise ModelError(f"{found} does not define a learner called {name!r} any more: give model=")
    return learners[0]


def _varied(learner: Learner) -> Learner | None:
    """Return the shipped learner that this one is but for its name and where it starts anew."""
    module = sys.modules.get(learner.function.__module__)
    same = [field.name for field in fields(learner) if field.name not in ("name", "reset")]
    for other in _learners(module).values() if module is not None else ():
        shipped = other.name in zoo.names() and zoo.find(other.name) is other
        if shipped and all(getattr(other, name) is getattr(learner, name) for name in same):
            return other
    return None


def _learners(module: ModuleType) -> dict[str, Learner]:
    return {key: value for key, value in vars(module).items() if isinstance(value, Learner)}


def _execute(path: Path) -> ModuleType:
    """Run a Python file as a module; what it prints goes to stderr, what stands beside it can be imported."""
    if path.suffix != ".py" or not path.is_file():
        problem = "is not a Python file" if path.is_file() else "does not exist"
        raise ModelError(f"{path} {problem}: name a model that ships with versant, or path/to/file.py:FUNCTION")
    name = f"versant_user_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ModelError(f"{path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with _importable(path.resolve().parent), redirect_stdout(sys.stderr):
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:
            del sys.modules[name]
            raise ModelError(f"{path}{_line(error, path)} fails: {type(error).__name__}: {error}") from error
    return module


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _line(error: BaseException, path: Path) -> str:
    if isinstance(error, SyntaxError):
        return ""  # its own message says where
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename).resolve() == path.resolve()]
    return f", line {lines[-1]}," if lines else ""
