"""The examples of the documentation run as they stand there."""

import subprocess
import sys
from pathlib import Path

from calls_app.checks import sample_recording

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def test_process_a_recording(tmp_path: Path) -> None:
    """The library example ends in a call that is ready, with silences, found again by its number."""
    script = EXAMPLES / "process_a_recording.py"
    done = subprocess.run(
        [sys.executable, str(script), str(sample_recording()), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "sample.wav: ready" in done.stdout
    assert "silent from" in done.stdout
    assert done.stdout.rstrip().endswith("ready")


def test_no_example_is_left_out() -> None:
    """Every script has its test above."""
    assert [path.name for path in EXAMPLES.glob("*.py")] == ["process_a_recording.py"]
