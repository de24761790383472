"""Reading files that hold one JSON object: what is wrong with them is said with file, line and column."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from versant.errors import FormatError

__all__ = ["read_object"]


def read_object(path: str | os.PathLike[str], holds: str) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Parameters
    ----------
    path : path-like
    holds : str
        What the object is, for messages.

    Raises
    ------
    FormatError
        For a file that cannot be read, is not UTF-8, no JSON, no object, or holds NaN or Infinity.

    Examples
    --------
    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "list.json"
    >>> _ = file.write_text("[1, 2]")
    >>> read_object(file, "controller")
    Traceback (most recent call last):
    ...
    versant.errors.FormatError: ...list.json: holds no controller, which is a JSON object
    """
    source = str(path)
    try:
        content: Any = json.loads(Path(path).read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror}", source) from error
    except UnicodeDecodeError as error:
        raise FormatError("is not UTF-8 text", source) from error
    except json.JSONDecodeError as error:
        raise FormatError(f"is not JSON: {error.msg}", source, error.lineno, error.colno) from error
    except ValueError as error:
        raise FormatError(str(error), source) from error
    if not isinstance(content, dict):
        raise FormatError(f"holds no {holds}, which is a JSON object", source)
    return content


def _refuse_constant(name: str) -> float:
    raise ValueError(f"holds {name}, which is no finite number")
