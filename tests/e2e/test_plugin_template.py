"""What ``calls plugins new`` makes is as good as what is in this repository."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "COLUMNS": "100"}
    environment["PYTHONPATH"] = os.pathsep.join(["src", *filter(None, [os.environ.get("PYTHONPATH")])])
    environment["MYPYPATH"] = "src"
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.fixture(scope="module", params=["calls-level", "z"], ids=["usual", "short"])
def plugin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plugins")
    made = run("calls_app", "plugins", "new", request.param, cwd=folder)
    assert made.returncode == 0, made.stderr
    assert f"pip install -e ./{request.param} pytest" in made.stdout
    return folder / str(request.param)


@pytest.mark.parametrize("settings", ["pyproject.toml", "plugins/ruff.toml", None], ids=["ours", "plugins", "its own"])
def test_its_style_is_ours(plugin: Path, settings: str | None) -> None:
    """Every rule holds and nothing is formatted otherwise, by our settings and by those that it brings along."""
    config = ("--config", str(ROOT / settings)) if settings else ()
    for command in (("check",), ("format", "--check")):
        done = run("ruff", *command, "--no-cache", *config, ".", cwd=plugin)
        assert done.returncode == 0, done.stdout


def test_its_types_are_strict(plugin: Path) -> None:
    """The analyzer and its tests."""
    done = run("mypy", "src", "tests", cwd=plugin)
    assert done.returncode == 0, done.stdout


def test_its_tests_pass(plugin: Path) -> None:
    """Alone, by its own settings."""
    done = run("pytest", cwd=plugin)
    assert done.returncode == 0, done.stdout
    assert "20 passed" in done.stdout


def test_a_second_one_is_refused(plugin: Path) -> None:
    """In one line, without a trace."""
    again = run("calls_app", "plugins", "new", plugin.name, "--folder", str(plugin.parent), cwd=plugin.parent)
    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert len(again.stderr.strip().splitlines()) == 1
