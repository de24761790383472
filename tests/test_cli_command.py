"""The command as a whole: exit codes, where messages go, how quickly it answers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import versant
from versant.cli import command
from versant.cli.command import main
from versant.cli.wording import as_options
from versant.errors import VersantError


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "versant.cli", *arguments], capture_output=True, text=True, timeout=60, **options
    )


def test_version_and_help_end_with_zero():
    version, help_ = run("--version"), run("--help")
    assert (version.returncode, version.stdout, version.stderr) == (0, f"versant {versant.__version__}\n", "")
    assert help_.returncode == 0
    for name in ("fit", "plan", "evaluate", "simulate", "compare", "models", "problems", "demo"):
        assert f"  {name} " in help_.stdout


@pytest.mark.parametrize(
    "arguments", [[], ["bogus"], ["fit"], ["plan", "tiger", "--nodes", "0"], ["models", "--bogus"]]
)
def test_wrong_usage_ends_with_two(arguments, capsys):
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "Usage:" in said.err


def test_help_of_every_subcommand(capsys):
    for name in command.versant.commands:
        assert main([name, "--help"]) == 0
        assert "Usage: versant" in capsys.readouterr().out


def test_nothing_heavy_is_imported_before_it_is_needed():
    code = (
        "import sys, versant.cli\n"
        "print([m for m in ('scipy', 'pandas', 'pyarrow', 'matplotlib', 'llvmlite', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (VersantError("the choice is out of range"), 1, "versant: error: the choice is out of range\n"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (OSError(28, "No space left on device", "a.csv"), 1, "versant: error: a.csv: No space left on device\n"),
        (RuntimeError("a bug"), 1, "versant: error: RuntimeError: a bug (in "),
    ],
)
def test_every_failure_is_one_line_without_traceback(error, code, message, capsys, monkeypatch):
    scope = {"error": error}
    exec("def fail(**_): raise error", scope)  # in no file: an error in a user's file would be told with its line
    monkeypatch.setattr(command.versant.commands["models"], "callback", scope["fail"])
    assert main(["models"]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.lstrip().startswith(message)
    assert said.err.strip().count("\n") == 0
    assert "Traceback" not in said.err


def test_a_reader_that_goes_away_is_no_error():
    done = subprocess.run(
        f"{sys.executable} -m versant.cli problems | true", shell=True, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""


def test_models_and_problems_are_listed(capsys):
    assert main(["models"]) == 0
    models = capsys.readouterr().out
    assert "q_learning(alpha, beta)\n    Delta rule" in models
    assert main(["problems"]) == 0
    problems = capsys.readouterr().out
    assert "\ntiger\n    Tiger: " in problems
    assert "\nbandit(probabilities, trials, win, loss, reversal, drift, block)\n    A bandit" in problems


def test_a_model_is_described_with_domains_priors_equations_and_source(capsys):
    assert main(["models", "ts_par7"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("The full hybrid")
    for part in ("a1 : (0, 1), default prior N(", "pi : (0, 5)", "second     within the state", "Columns:", "Daw"):
        assert part in said
    assert main(["models", "ts_par8"]) == 1
    assert "did you mean ts_par" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("python", "options"),
    [
        ("give choices={'choice': 3}", "give --choices choice=3"),
        ("choices={'level 1': [0, 1]}", "--choices 'level 1=0,1'"),
        ("missing={'choice': 'NA'}", "--missing choice=NA"),
        ("rename={'outcome': 'reward'}; columns: a", "--map reward=outcome; columns: a"),
        ("or add the option to choices=", "or add the option to --choices"),
        ("on_missing='learn'", "--on-missing learn"),
        (
            "rename= takes the file's name first, rename={'theirs': 'ours'}",
            "--map takes our name first, --map ours=theirs",
        ),
        ("nothing to see", "nothing to see"),
    ],
)
def test_messages_speak_of_options(python, options):
    assert as_options(python) == options


def test_a_terminal_without_unicode_is_no_error():
    done = run("plan", "tiger", "--nodes", "1", "--starts", "1", env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert done.returncode == 0
    assert done.stdout.startswith("value -20.000000 ? ")
