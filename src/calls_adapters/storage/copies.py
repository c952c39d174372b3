"""Private files for as long as somebody works on them."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from calls_adapters.storage.locks import locked, remove_unlocked
from calls_core.errors import StorageUnavailable

PREFIX: Final = "calls-copy-"


def new_copy() -> IO[bytes]:
    """Create an empty file that only we may read, and that is removed when it is closed.

    It carries a lock, which ends with this process, so that ``clear_copies`` can tell it from those of dead ones.
    """
    while True:
        file = tempfile.NamedTemporaryFile(prefix=PREFIX)  # noqa: SIM115 (lent to the caller)
        if locked(file.fileno()) and os.fstat(file.fileno()).st_nlink == 1:
            return file
        file.close()  # the sweep was quicker than the lock


def clear_copies() -> int:
    """Remove the copies of processes that died; return how many."""
    # Others' files cannot be opened.
    return remove_unlocked(Path(tempfile.gettempdir()).glob(f"{PREFIX}*"), PermissionError)


_ADVICE: Final = {
    errno.ENOSPC: "free some space in {folder}, or name a larger folder in TMPDIR",
    errno.EDQUOT: "raise the quota of {folder}, or name another folder in TMPDIR",
    errno.EMFILE: "raise the limit of open files",
}


@contextmanager
def temporary_errors() -> Iterator[None]:
    """Wrap work on temporary files.

    Raises:
        StorageUnavailable: with what to do.
    """
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0, "name a folder in TMPDIR that can be written to")
        folder = tempfile.tempdir or "the folder for temporary files"
        raise StorageUnavailable(f"{error.strerror or error}: {advice.format(folder=folder)}") from error
