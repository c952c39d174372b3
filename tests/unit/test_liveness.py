"""Telling a dead worker by its name."""

import subprocess
import sys
from pathlib import Path

import pytest

from calls_app.liveness import liveness, worker_name
from calls_app.settings import Settings

EMBEDDED = liveness(Settings())

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux tells when a process started")


def test_this_process_is_alive() -> None:
    """A worker does not take itself for dead, whatever its slot."""
    assert not EMBEDDED(worker_name())
    assert not EMBEDDED(f"{worker_name()}/3")


def test_a_process_that_ended_is_dead() -> None:
    """Its number is gone, or belongs to another process that started at another moment."""
    name = subprocess.run(
        [sys.executable, "-c", "from calls_app.liveness import worker_name; print(worker_name())"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert EMBEDDED(f"{name}/0")
    host, number, _ = worker_name().split(":")
    assert EMBEDDED(f"{host}:{number}:1/0")


def test_what_is_elsewhere_may_live() -> None:
    """Of other hosts and other databases nothing is known, so nobody there is called dead."""
    _, number, _ = worker_name().split(":")
    assert not EMBEDDED(f"elsewhere:{number}:1/0")
    assert not EMBEDDED("nonsense")
    assert not liveness(Settings(database_url="postgresql://x/y"))(f"{worker_name()[:-1]}0/0")
