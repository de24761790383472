"""Object code on disk: found again, never trusted blindly, safe with many processes."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.kernels import CASES, compare, make_case, text_of
from versant.errors import CapabilityError
from versant.expressions.compiled import objects
from versant.expressions.compiled.kernel import Kernel
from versant.expressions.compiled.machine import Machine, host


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VERSANT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was compiled rather than found."""
    done: list[str] = []
    original = Machine.compile

    def compile_and_tell(self: Machine, assembly: str) -> bytes:
        done.append(assembly)
        return original(self, assembly)

    monkeypatch.setattr(Machine, "compile", compile_and_tell)
    return done


def check() -> None:
    compare(make_case("q2", subjects=5, trials=10))


def test_found_again(folder: Path, compilations: list[str]) -> None:
    check()
    check()
    assert len(compilations) == 1
    assert len(list(folder.iterdir())) == 1
    assert folder.stat().st_mode & 0o077 == 0


def test_another_machine_has_its_own(folder: Path, compilations: list[str]) -> None:
    case = make_case("q2", subjects=5, trials=10)
    for width in (2, 4):
        compare(case, Kernel(case.program, case.rows, machine=host(width)))
    other = Machine(host().triple, host().cpu, host().features + ",-avx512f", 2, host().fused)
    compare(case, Kernel(case.program, case.rows, machine=other))
    assert len(compilations) == 3


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "renamed", "format"])
def test_damaged_entries_are_compiled_again(
    damage: str, folder: Path, compilations: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    check()
    (entry,) = folder.iterdir()
    content = bytearray(entry.read_bytes())
    if damage == "cut":
        entry.write_bytes(content[:-100])
    elif damage == "flipped":
        content[-1000] ^= 1
        entry.write_bytes(content)
    elif damage == "empty":
        entry.write_bytes(b"")
    elif damage == "format":
        entry.write_bytes(content.replace(b"object code 1", b"object code 0"))
    else:
        case = make_case("q4", subjects=2, trials=3)
        Kernel(case.program, case.rows)
        (other,) = set(folder.iterdir()) - {entry}
        entry.write_bytes(other.read_bytes())
    before = len(compilations)
    with caplog.at_level(logging.DEBUG, logger=objects.__name__):
        check()
    assert len(compilations) == before + 1
    assert "damaged" in caplog.text
    check()
    assert len(compilations) == before + 1


def test_a_folder_that_others_can_write_is_not_used(
    folder: Path, compilations: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    with caplog.at_level(logging.DEBUG, logger=objects.__name__):
        check()
        check()
    assert len(compilations) == 2
    assert not list(folder.iterdir())
    assert "can be written by others" in caplog.text


def test_no_folder_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compilations: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VERSANT_CACHE", str(tmp_path / "file" / "cache"))
    with caplog.at_level(logging.DEBUG, logger=objects.__name__):
        check()
    assert compilations
    assert "not kept" in caplog.text


def test_failed_write_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with caplog.at_level(logging.DEBUG, logger=objects.__name__):
        check()
    assert "No space left" in caplog.text
    assert not list(folder.iterdir())


def test_what_was_not_used_for_longest_goes(
    folder: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three kernels into room for two, the first used again before the third: the second goes."""

    def use(name: str) -> None:
        case = make_case(name, subjects=2, trials=3)
        compare(case, Kernel(case.program, case.rows))

    use("q2")
    (first,) = folder.iterdir()
    use("q4")
    (second,) = set(folder.iterdir()) - {first}
    stranger = folder / "notes.o"
    stranger.write_bytes(b"x" * 1000)
    for age, entry in enumerate((stranger, second, first)):
        os.utime(entry, (1e9 - age, 1e9 - age))
    use("q2")
    room = first.stat().st_size + 1.5 * second.stat().st_size
    monkeypatch.setenv("VERSANT_CACHE_MB", str(room / 1e6))
    use("two_step")
    assert first.exists()
    assert not second.exists()
    assert stranger.exists()
    monkeypatch.setenv("VERSANT_CACHE_MB", "0")
    use("six")
    assert list(folder.iterdir()) == [stranger]
    assert len(compilations) == 4


@pytest.mark.parametrize("given", ["much", "-1", "nan", "inf"])
def test_a_mistaken_limit_is_named(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERSANT_CACHE_MB", given)
    with pytest.raises(CapabilityError, match="VERSANT_CACHE_MB"):
        objects.cache_limit()


def test_entries_that_others_remove(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes that clear up at once do not trip over each other."""
    check()
    unlink = os.unlink

    def twice(path: str) -> None:
        unlink(path)
        unlink(path)

    monkeypatch.setattr(os, "unlink", twice)
    objects._evict(folder, 0)
    assert not list(folder.iterdir())


def test_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("VERSANT_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert objects.cache_folder() == tmp_path / "versant"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert objects.cache_folder() == tmp_path / ".cache" / "versant"


CHILD = """
import sys
sys.path.insert(0, sys.argv[1])
from tests.kernels import compare, make_case
for name in ("q2", "six", "q4"):
    compare(make_case(name, subjects=5, trials=10))
"""


def test_processes_at_once(folder: Path) -> None:
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent)]
    children = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert child.returncode == 0, errors
    assert len(list(folder.iterdir())) == 3
    for entry in folder.iterdir():
        assert objects._read(entry, entry.stem) is not None


def test_same_text_each_time() -> None:
    """The name of an entry is stable: writing the IR depends on no order of hashes or addresses."""
    for name in CASES:
        case = make_case(name, subjects=2, trials=2)
        texts = {text_of(make_case(name, 2, 2).program, host()) for _ in range(2)}
        assert texts == {text_of(case.program, host())}
        assert np.isfinite(case.parameters).all()
