"""The command line as a new user meets it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from calls_app.checks import sample_recording

BEEP = Path(__file__).with_name("beep.wav")


def calls(*arguments: str, cwd: Path, **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": str(cwd), "COLUMNS": "100"} | variables
    environment |= {"PYTHONPATH": os.environ["PYTHONPATH"]} if "PYTHONPATH" in os.environ else {}
    return subprocess.run(
        [sys.executable, "-m", "calls_app", *arguments],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_the_demo_shows_a_processed_call(tmp_path: Path) -> None:
    """One command ends in a call that is ready, with its duration, its silences and a drawn waveform."""
    shown = calls("demo", "--once", "--folder", str(tmp_path / "data"), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    for piece in ("the call is ready", "duration", "silence", "█", "/docs", "step signal done"):
        assert piece in shown.stdout
    assert (tmp_path / "data" / "calls.db").is_file()


def test_the_demo_takes_a_recording_of_yours(tmp_path: Path) -> None:
    """Another file goes the same way, and a temporary folder leaves nothing behind."""
    shown = calls("demo", "--once", str(BEEP), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "beep.wav" in shown.stdout
    assert "0:02.0" in shown.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_shows_a_failed_call(tmp_path: Path) -> None:
    """What cannot be decoded is told, and the exit code tells it too."""
    (tmp_path / "text.wav").write_text("This is no audio.")
    shown = calls("demo", "--once", str(tmp_path / "text.wav"), cwd=tmp_path)
    assert shown.returncode == 1
    assert "not-audio" in shown.stdout


def test_facts_about_files(tmp_path: Path) -> None:
    """`calls analyze --json` prints one object per file; a bad one is told and does not stop the others."""
    (tmp_path / "text.wav").write_text("This is no audio.")
    shown = calls("analyze", "--json", str(BEEP), "text.wav", str(sample_recording()), cwd=tmp_path)
    assert shown.returncode == 1
    beep, text, sample = (json.loads(line) for line in shown.stdout.splitlines())
    assert (beep["filename"], beep["duration_sec"], beep["codec"]) == ("beep.wav", 2.0, "pcm_s16le")
    assert text["steps"][0]["error"]["code"] == "not-audio"
    assert sample["channels"] == 2
    assert any(mark["channel"] is None for mark in sample["silence_marks"])
    assert not (tmp_path / "data").exists()


def test_facts_for_people(tmp_path: Path) -> None:
    """Without --json, the facts and the picture are printed."""
    shown = calls("analyze", str(sample_recording()), cwd=tmp_path)
    assert shown.returncode == 0
    assert "pcm_mulaw, stereo, 8000 Hz" in shown.stdout
    assert "█" in shown.stdout


def test_a_wrong_extension_is_refused(tmp_path: Path) -> None:
    """The refusal has the code and the accepted formats."""
    (tmp_path / "call.txt").write_text("x")
    shown = calls("analyze", "call.txt", cwd=tmp_path)
    assert shown.returncode == 1
    assert "unsupported-extension" in shown.stderr


def test_plugins_are_listed(tmp_path: Path) -> None:
    """The built-in analyzers are there, with what runs and what could."""
    shown = calls("plugins", cwd=tmp_path, ANALYZERS="pydub")
    assert shown.returncode == 0, shown.stderr
    rows = {line.split()[1]: line for line in shown.stdout.splitlines() if line.startswith("│")}
    assert "yes" in rows["pydub"]
    assert "add it to ANALYZERS" in rows["signal"]


def test_the_doctor_finds_what_is_well_and_what_is_not(tmp_path: Path) -> None:
    """Before `calls migrate` the schema is named with the cure; afterwards everything is well."""
    ill = calls("doctor", cwd=tmp_path)
    assert ill.returncode == 1
    assert "calls migrate" in ill.stdout
    assert calls("migrate", cwd=tmp_path).returncode == 0
    well = calls("doctor", cwd=tmp_path)
    assert well.returncode == 0, well.stdout + well.stderr
    assert "decoder" in well.stdout


def test_the_doctor_names_an_unwritable_folder(tmp_path: Path) -> None:
    """A folder that cannot be written to is named, with what to do."""
    (tmp_path / "file").write_text("")
    calls("migrate", cwd=tmp_path)
    ill = calls("doctor", cwd=tmp_path, RECORDINGS_DIR=str(tmp_path / "file" / "recordings"))
    assert ill.returncode == 1
    assert "RECORDINGS_DIR" in ill.stdout


@pytest.mark.parametrize(
    ("command", "variables", "said"),
    [
        (["serve"], {"MAX_UPLOAD_BYTES": "many"}, "MAX_UPLOAD_BYTES"),
        (["serve"], {"SILENCE_TRESHOLD_DBFS": "-30"}, "did you mean SILENCE_THRESHOLD_DBFS"),
        (["serve"], {"ANALYZERS": "signal,nope"}, "there is no analyzer 'nope'"),
        (["serve"], {"DATABASE_URL": "mysql://x/y"}, "DATABASE_URL"),
        (["serve"], {"S3_ENABLED": "true"}, "S3_ENABLED"),
        (["serve", "--host", "0.0.0.0"], {}, "--insecure"),
        (["worker"], {"WEBHOOK_ALLOW_CIDRS": "10.0.0.1/8"}, "WEBHOOK_ALLOW_CIDRS"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(
    command: list[str], variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    """One line names the variable; there is no stack trace."""
    refused = calls(*command, cwd=tmp_path, **variables)
    assert refused.returncode == 2, refused.stderr
    assert said in refused.stderr
    assert "Traceback" not in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_start_that_fails_puts_away_what_it_took(tmp_path: Path) -> None:
    """What was opened before the database was found to be none, S3 here, ends in order: one line is all there is."""
    (tmp_path / "calls.db").write_text("something else entirely")
    place = {"S3_ENDPOINT_URL": "http://127.0.0.1:1", "S3_BUCKET": "b", "S3_ACCESS_KEY": "k", "S3_SECRET_KEY": "s"}
    refused = calls("serve", cwd=tmp_path, DATABASE_URL="sqlite:///calls.db", S3_ENABLED="true", **place)
    assert refused.returncode == 1
    assert "is not a database" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr


def test_an_env_file_is_read(tmp_path: Path) -> None:
    """`.env` of the folder counts, and a name that is not ours is refused."""
    (tmp_path / ".env").write_text("RECORDING_DIR=x\n")
    refused = calls("plugins", cwd=tmp_path)
    assert refused.returncode == 2
    assert "RECORDINGS_DIR" in refused.stderr
