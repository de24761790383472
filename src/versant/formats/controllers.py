"""Controllers as JSON files: names, start, action and transition distributions, to the last bit.

    {"format": "versant-controller", "version": 1, "actions": [...], "observations": [...],
     "start": [...], "action": [[...]], "transition": [[[[...]]]]}

Doubles are written so that they are read back exactly. A reader takes such a file, or a plan's file with the controller
under ``"controller"``.
"""

from __future__ import annotations

import os

from versant.agents.controller import Controller
from versant.errors import FormatError, ProblemError
from versant.files import write_json
from versant.formats.json_objects import read_object

__all__ = ["read_controller", "write_controller"]


def write_controller(controller: Controller, path: str | os.PathLike[str]) -> None:
    """Write a controller, atomically.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> target = Path(tempfile.mkdtemp()) / "controller.json"
    >>> write_controller(Controller.random(2, ("go", "stay"), ("dark", "light"), seed=1), target)
    >>> read_controller(target)
    Controller(2 nodes, 2 actions, 2 observations, stochastic)
    """
    write_json(path, controller.to_dict())


def read_controller(path: str | os.PathLike[str]) -> Controller:
    """Read a controller, strictly.

    Raises
    ------
    FormatError
        For a file that cannot be read, is no JSON, or holds no valid controller.
    """
    content = read_object(path, "controller")
    if "format" not in content and isinstance(content.get("controller"), dict):
        content = content["controller"]
    try:
        return Controller.from_dict(content)
    except ProblemError as error:
        raise FormatError(str(error), str(path)) from error
