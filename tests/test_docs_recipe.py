"""The recipe that adds a model, applied as it is written to a copy of the repository."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "how-to" / "add-a-model.md"
ADDED = re.compile(r"^```py\n# (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COPIED = ("src", "tests/zoo", "benchmarks", "docs/reference", "docs/models.py", "tests/__init__.py", "tests/by_hand.py")
CHECKS = (
    "test_agents_zoo_by_hand.py",
    "test_agents_zoo.py",
    "test_agents_zoo_by_hand_variants.py",
    "test_docs_models.py",
)


def test_the_recipe_adds_a_model_with_its_task_row_and_tests(tmp_path: Path) -> None:
    added = ADDED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(added) == 4
    assert sum(bool(line.strip()) for _, text in added for line in text.splitlines()) < 30
    for name in (*COPIED, "tests/conftest.py", *(f"tests/{check}" for check in CHECKS)):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    for name, text in added:
        file = tmp_path / name
        file.write_text(f"{file.read_text(encoding='utf-8')}\n\n{text}", encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
    commands = (
        ["docs/models.py"],
        ["-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{check}" for check in CHECKS), "-k",
         "forgetting or list or every or table"],
    )  # fmt: skip
    for command in commands:
        done = subprocess.run(
            [sys.executable, *command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (
        "| `q_learning_forgetting` |" in (tmp_path / "docs/reference/models.md").read_text().partition("## Recovery")[2]
    )
    assert " passed" in done.stdout
    assert "fail" not in done.stdout
