"""A small disk of the tests' own, which fills up as real ones do."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


class NoTmpfs(Exception):
    """We may not mount; the message says what is needed."""


@cache
def require_tmpfs() -> None:
    """Return when we may mount a tmpfs here.

    Raises:
        NoTmpfs: we may not.
    """
    if os.geteuid() != 0:
        raise NoTmpfs("only root may mount a tmpfs")
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], check=False, capture_output=True, text=True)
        if done.returncode:
            raise NoTmpfs(f"a tmpfs cannot be mounted: {done.stderr.strip()}")
        subprocess.run(["umount", folder], check=True)


@contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    """Mount an empty disk of *size_bytes* over *folder*, which is made."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        # What a killed process had open may keep it busy for a moment: it goes when the last file is closed.
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """Write a file that takes all that is left, and return it."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            return filler
    raise AssertionError("the disk has no end")
