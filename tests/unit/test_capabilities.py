import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.capabilities import ROOT

NEEDY = """
import pytest


@pytest.mark.requires("recordings")
def test_needs_recordings(): ...
"""


def run_without_recordings(tmp_path: Path, require: str) -> subprocess.CompletedProcess[str]:
    test = tmp_path / "test_needy.py"
    test.write_text(NEEDY)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "--config-file", ROOT / "pyproject.toml", "-p", "tests.conftest", test],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"CALLS_RECORDINGS_SAMPLES": str(tmp_path), "CALLS_TEST_REQUIRE": require},
    )


def test_what_is_missing_is_skipped(tmp_path: Path) -> None:
    """A machine without something can still run the rest, and is told how to get it."""
    done = run_without_recordings(tmp_path, require="")

    assert done.returncode == 0
    assert "1 skipped" in done.stdout
    assert "CALLS_RECORDINGS_SAMPLES" in done.stdout


@pytest.mark.parametrize(
    ("require", "complaint"),
    [("recordings", "CALLS_TEST_REQUIRE names recordings, but"), ("records", "records is none of")],
)
def test_what_is_required_cannot_be_skipped(tmp_path: Path, require: str, complaint: str) -> None:
    """A run that must not go without something fails when it is missing, and also when its name is misspelt."""
    done = run_without_recordings(tmp_path, require)

    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert complaint in done.stderr
