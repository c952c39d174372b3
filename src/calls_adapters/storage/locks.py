"""Files of living processes, told from those of dead ones: a lock on a file ends with the process that holds it."""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path


def locked(descriptor: int) -> bool:
    """Lock the open file, and return whether that was possible: somebody else may hold it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remove_unlocked(paths: Iterable[Path], *skipped: type[OSError]) -> int:
    """Remove the files that no living process holds; return how many. Those that raise *skipped* when opened stay."""
    left: tuple[type[OSError], ...] = (FileNotFoundError, *skipped)
    removed = 0
    for path in paths:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except left:
            continue
        try:
            if locked(descriptor):
                path.unlink(missing_ok=True)
                removed += 1
        finally:
            os.close(descriptor)
    return removed
