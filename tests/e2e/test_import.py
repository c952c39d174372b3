"""`calls import` and `calls watch` as they are run: killed, started again, and each recording is there once."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.servers.s3 import ACCESS_KEY, SECRET_KEY, S3Server
from tests.servers.service import Service

FILES = 1000 if os.environ.get("CALLS_SOAK") else 200
KILLS = 3


def calls(folder: Path, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "calls_app", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def lines(report: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(report.read_text().splitlines()))


def eventually(condition: Any, process: "subprocess.Popen[str] | None" = None, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.02)


def test_many_files_arrive_once_though_the_import_is_killed_three_times(tmp_path: Path) -> None:
    """Exactly one call for each, and a line in the report that says what happened to it. The soak has a thousand."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(FILES):
        name = f"in-101-7900{number:04}-20260102-060405-{1767323045 + number}.{number}.wav"
        (archive / name).write_bytes(b"RIFF%d" % number)
    report = tmp_path / "report.csv"
    command = ("import", "archive", "--pattern", "freepbx", "--report", "report.csv", "--at-once", "8")
    for number in range(KILLS):
        process = calls(tmp_path, *command)
        wanted = (number + 1) * FILES // (KILLS + 1)
        eventually(lambda wanted=wanted: report.exists() and report.read_bytes().count(b"\n") > wanted, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    last = calls(tmp_path, *command)
    said, _ = last.communicate(timeout=120)
    assert last.returncode == 0, said
    told = lines(report)
    assert Counter(line["source"] for line in told) == Counter(path.name for path in archive.iterdir())
    assert {line["outcome"] for line in told} <= {"accepted", "known"}
    data = tmp_path / "data"
    with (
        Service(tmp_path, f"sqlite:///{data / 'calls.db'}", worker=False) as service,
        service.client() as client,
    ):
        assert client.get("/calls").json()["total"] == FILES
        one = client.get(f"/calls/{told[-1]['call_id']}").json()
        assert (one["receiver"], one["direction"]) == ("101", "inbound")


def test_a_dry_run_tells_what_the_import_would_do(tmp_path: Path, beep: Path) -> None:
    """To the line what the import then does, with no database, with that of the settings and by HTTP; and not a file is
    made or changed by it."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for number in range(2):
        (archive / f"in-101-790{number}-20260102-060405-176732304{number}.{number}.wav").write_bytes(beep.read_bytes())
    (archive / "in-102-7900-20260102-060405-1767323040.0.wav").write_bytes(beep.read_bytes())
    (archive / "holiday.wav").write_bytes(beep.read_bytes())
    command = ("import", "archive", "--pattern", "freepbx", "--at-once", "1")

    def told(*more: str) -> list[tuple[str, str, str]]:
        before = {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
        process = calls(tmp_path, *command, "--dry-run", *more)
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 1  # as the import: something would be refused
        assert before == {path: path.is_file() and path.read_bytes() for path in tmp_path.rglob("*")}
        return [(line["source"], line["outcome"], line["code"]) for line in csv.DictReader(said.splitlines())]

    foreseen = told()
    calls(tmp_path, *command).communicate(timeout=60)
    report = tmp_path / "archive.import.csv"
    assert [(line["source"], line["outcome"], line["code"]) for line in lines(report)] == foreseen
    assert [outcome for _, outcome, _ in foreseen] == ["refused", "accepted", "accepted", "refused"]
    assert [code for _, _, code in foreseen if code] == ["invalid", "external-id-taken"]
    assert told() == [line for line in foreseen if line[1] == "refused"]
    report.unlink()
    known = [(source, "known" if outcome == "accepted" else outcome, code) for source, outcome, code in foreseen]
    assert told() == known
    with Service(tmp_path, f"sqlite:///{tmp_path / 'data' / 'calls.db'}", worker=False) as service:
        process = calls(tmp_path, *command, "--dry-run", "--url", service.url)
        said, _ = process.communicate(timeout=60)
        there = [(line["source"], line["outcome"], line["code"]) for line in csv.DictReader(said.splitlines())]
        assert there == known


def test_a_watched_folder_is_emptied_into_a_running_service(tmp_path: Path, beep: Path) -> None:
    """Whole files go there by HTTP and are then deleted; a kill doubles none, and SIGTERM ends it well."""
    folder = tmp_path / "spool"
    folder.mkdir()
    command = ("watch", str(folder), "--pattern", "asterisk", "--settle", "0.1", "--then", "delete", "--url")
    with Service(tmp_path, worker=False) as service, service.client() as client:
        process = calls(tmp_path, *command, service.url)
        for number in range(3):
            part = folder / f"{number}.part"
            part.write_bytes(beep.read_bytes())
            part.rename(folder / f"auto-17673230{number}5-201-7900.wav")
        eventually(lambda: client.get("/calls").json()["total"] == 3, process)
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        again = calls(tmp_path, *command, service.url)
        (folder / "auto-1767323095-201-7900.wav").write_bytes(beep.read_bytes())
        eventually(lambda: not list(folder.glob("*.wav")), again)
        again.terminate()
        again.communicate()
        assert again.returncode == 0
        assert client.get("/calls").json()["total"] == 4


@pytest.mark.requires("s3")
def test_what_lies_in_a_bucket_comes_in_once(tmp_path: Path, s3_server: S3Server, s3_bucket: str, beep: Path) -> None:
    """Everything below the prefix and nothing else; a second run does the rest, and a wrong key or bucket says so."""
    stem = "out-7900-101-20260102-060405-17673230"
    for key in (f"2026/01/{stem}45.1.wav", f"2026/02/{stem}46.2.wav", f"2026/{stem}47.3.wav.part", f"{stem}48.4.wav"):
        s3_server.client.put_object(Bucket=s3_bucket, Key=key, Body=beep.read_bytes())
    settings = {"S3_ENDPOINT_URL": s3_server.url, "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY}
    command = ("import", f"s3://{s3_bucket}/2026/", "--pattern", "freepbx")
    for expected in ("2 accepted, 0 known, 0 refused; 0 done before", "0 accepted, 0 known, 0 refused; 2 done before"):
        process = calls(tmp_path, *command, **settings)
        said, _ = process.communicate(timeout=60)
        assert said.startswith(expected)
    told = lines(tmp_path / "2026.import.csv")
    assert {line["source"] for line in told} == {f"01/{stem}45.1.wav", f"02/{stem}46.2.wav"}
    assert len(told) == 2
    for wrong, code in (({**settings, "S3_SECRET_KEY": "no"}, 1), ({}, 2)):
        process = calls(tmp_path, *command, **wrong)
        process.communicate(timeout=60)
        assert process.returncode == code
