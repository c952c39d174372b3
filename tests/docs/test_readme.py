"""Both READMEs say the same, and what they show works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from calls_app.checks import sample_recording

ROOT = Path(__file__).parents[2]
READMES = ["README.md", "README.ru.md"]


def blocks(name: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / name).read_text(), re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_it_begins_with_two_commands(name: str) -> None:
    """The first one ends in a processed call, the second runs the tests; nothing comes before them but a sentence."""
    first = blocks(name, "console")[0].splitlines()
    assert len(first) == 2
    assert "calls demo --once" in first[0]
    assert "nox -s tests" in first[1]


def test_both_languages_show_the_same() -> None:
    """Commands, code and links of the two READMEs are equal."""
    for language in ("console", "python"):
        assert blocks("README.md", language) == blocks("README.ru.md", language)
    english, russian = (re.findall(r"\]\(((?!README)[^)]+)\)", (ROOT / name).read_text()) for name in READMES)
    assert english == russian


def test_the_script_runs(tmp_path: Path) -> None:
    """The script of the README, as it stands there, ends in a call that is ready."""
    [script] = blocks("README.md", "python")
    shutil.copy(sample_recording(), tmp_path / "call.wav")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=os.environ.copy(), capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("ready")


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    """Every relative link names a file or folder that is there."""
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", (ROOT / name).read_text())
    assert [target for target in targets if not (ROOT / target).exists()] == []
