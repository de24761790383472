"""Object code kept on disk, so that a learner is compiled once for all sessions.

An entry is named by the SHA-256 of the IR and of what else the code depends on (CPU, its features, versions of LLVM).
The IR is the whole graph, written out: nothing that changes the code leaves the name as it was. An entry begins with a
line of format, its own name and the SHA-256 of the code; one that does not is not used but compiled again and
replaced. Writing is atomic, so that concurrent processes see whole entries or none; two that compile the same write
the same.

The folder is ``$VERSANT_CACHE``, or ``versant`` in ``$XDG_CACHE_HOME``, or ``~/.cache/versant``. It must belong to the
user and be closed to writing by others, as code from it is executed. Where it cannot be used, code is compiled each
time, and the logger ``versant.expressions.compiled.objects`` says why at level DEBUG. Together, the entries take at
most ``$VERSANT_CACHE_MB`` million bytes (64 if it is not set; a kernel takes about a hundredth of one): after each
writing, those that were not used for longest go. An entry that another process removes meanwhile is compiled again.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import stat
from contextlib import suppress
from pathlib import Path

from versant.errors import CapabilityError, VersantError
from versant.expressions.compiled.machine import Machine
from versant.files import atomic_path

__all__ = ["cache_folder", "cache_limit", "object_code"]

_FORMAT = "versant object code 1"
_ENTRY = re.compile(r"[0-9a-f]{64}\.o")
_DEFAULT_MEGABYTES = 64.0
_LOG = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Return the folder in which object code is kept; it need not exist.

    Examples
    --------
    >>> cache_folder().is_absolute()
    True
    """
    given = os.environ.get("VERSANT_CACHE")
    if given:
        return Path(given).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache").expanduser().absolute() / "versant"


def cache_limit() -> int:
    """Return how many bytes of object code are kept.

    Raises
    ------
    CapabilityError
        If ``$VERSANT_CACHE_MB`` is no number, or a negative one.

    Examples
    --------
    >>> cache_limit() >= 0
    True
    """
    given = os.environ.get("VERSANT_CACHE_MB", "").strip()
    try:
        megabytes = float(given) if given else _DEFAULT_MEGABYTES
    except ValueError:
        megabytes = math.nan
    if not 0 <= megabytes < math.inf:
        raise CapabilityError(f"VERSANT_CACHE_MB={given!r} is no number of megabytes, such as 64")
    return int(megabytes * 1e6)


def object_code(source: str, machine: Machine) -> bytes:
    """Return the object code of a module: from the folder, or compiled and put there.

    Parameters
    ----------
    source : str
        LLVM IR.
    machine : Machine
    """
    name = hashlib.sha256(f"{machine.identity}\n{source}".encode()).hexdigest()
    folder = cache_folder()
    usable = _is_usable(folder)
    code = _read(folder / f"{name}.o", name) if usable else None
    if code is None:
        code = machine.compile(source)
        if usable:
            _write(folder / f"{name}.o", name, code)
            _evict(folder, cache_limit())
    return code


def _is_usable(folder: Path) -> bool:
    """Whether the folder exists, or could be made, and is the user's alone."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        state = folder.stat()
    except OSError as error:
        _LOG.debug("object code is not kept: %s: %s", folder, error.strerror)
        return False
    if hasattr(os, "getuid") and (state.st_uid != os.getuid() or state.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
        _LOG.debug("object code is not kept: %s belongs to another user or can be written by others", folder)
        return False
    return True


def _head(name: str, code: bytes) -> bytes:
    return f"{_FORMAT}\n{name}\n{hashlib.sha256(code).hexdigest()}\n".encode()


def _read(path: Path, name: str) -> bytes | None:
    """Return an entry's code; None if there is none, or none that is whole."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        _LOG.debug("object code is compiled again: %s: %s", path, error.strerror)
        return None
    length = len(_head(name, b""))
    code = content[length:]
    if content[:length] != _head(name, code):
        _LOG.debug("object code is compiled again: %s is damaged or not what its name says", path)
        return None
    with suppress(OSError):  # another process may have removed it; the code is read
        os.utime(path)
    return code


def _write(path: Path, name: str, code: bytes) -> None:
    try:
        with atomic_path(path) as temporary:
            temporary.write_bytes(_head(name, code) + code)
    except (OSError, VersantError) as error:
        _LOG.debug("object code is not kept: %s", error)


def _evict(folder: Path, limit: int) -> None:
    """Remove the entries that were not used for longest, until the others take no more than the limit."""
    try:
        entries = [(e.stat(), e.path) for e in os.scandir(folder) if _ENTRY.fullmatch(e.name)]
    except OSError as error:
        _LOG.debug("old object code is not looked for: %s", error)
        return
    taken = sum(state.st_size for state, _ in entries)
    for state, path in sorted(entries, key=lambda entry: entry[0].st_mtime_ns):
        if taken <= limit:
            return
        try:
            os.unlink(path)
        except FileNotFoundError:  # another process was faster
            pass
        except OSError as error:
            _LOG.debug("old object code is not removed: %s", error)
            continue
        taken -= state.st_size
