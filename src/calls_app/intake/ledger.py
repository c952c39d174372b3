"""One line for each recording that was handed over: the report for people, and the memory of the next run."""

import csv
import fcntl
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, Self


class Outcome(StrEnum):
    """*accepted*: it made a call; *known*: the call was there; *refused*: the reason stands in the line."""

    ACCEPTED = "accepted"
    KNOWN = "known"
    REFUSED = "refused"


DONE: Final = frozenset({Outcome.ACCEPTED, Outcome.KNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    source: str
    outcome: Outcome
    call_id: str = ""
    code: str = ""
    detail: str = ""
    at: str = ""


COLUMNS: Final = tuple(field.name for field in fields(Entry))


def told(entry: Entry) -> list[str]:
    """Return what *entry* tells, except when it was: one line, whatever stands in it."""
    values = [" ".join(str(value).split()) if value else "" for value in astuple(entry)[:-1]]
    return [entry.source, *values[1:]]


def line_of(values: Iterable[str]) -> bytes:
    """Return a line of the ledger."""
    line = io.StringIO(newline="")
    csv.writer(line, lineterminator="\n").writerow(values)
    return line.getvalue().encode(errors="surrogateescape")


class Journal(Protocol):
    """Remembers what was handed over. *done* are the names of items that need not be handed over again."""

    done: set[str]

    def note(self, entry: Entry) -> None: ...


class Ledger(Journal):
    """A CSV file that only grows. A line is on the disk before ``note`` returns; a torn one is dropped when opened.

    It is UTF-8, except for names of files that are not.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self.done: set[str] = set()

    def note(self, entry: Entry) -> None:
        at = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        self._append([*told(entry), at])
        if entry.outcome in DONE:
            self.done.add(entry.source)

    def load(self) -> None:
        data = self._file.readall()
        whole, self.done = _done(data)
        if whole < len(data):
            self._file.truncate(whole)
        if not whole:
            self._append(COLUMNS)

    def _append(self, values: Iterable[str]) -> None:
        self._file.seek(0, os.SEEK_END)
        self._file.write(line_of(values))
        os.fsync(self._file.fileno())


@dataclass(frozen=True, slots=True)
class Glance(Journal):
    """What a ledger knows, and nothing is written into it."""

    done: set[str]

    @classmethod
    def of(cls, path: Path) -> Self:
        """Return what the ledger at *path* knows, if there is one.

        Raises:
            ValueError: it cannot be read.
        """
        try:
            return cls(_done(path.read_bytes())[1])
        except FileNotFoundError:
            return cls(set())
        except OSError as error:
            raise ValueError(f"{path}: {error.strerror}") from error

    def note(self, entry: Entry) -> None:
        pass


def _done(data: bytes) -> tuple[int, set[str]]:
    """Return how many bytes of a ledger are whole lines, and which sources these say are done."""
    whole = data[: data.rfind(b"\n") + 1]
    rows = csv.DictReader(io.StringIO(whole.decode(errors="surrogateescape"), newline=""))
    return len(whole), {row["source"] for row in rows if row.get("outcome") in DONE}


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Lend the ledger at *path*, to one process at a time.

    Raises:
        ValueError: another process has it, or it cannot be written.
    """
    try:
        file = io.FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+")
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(f"{path} is in use: the same import runs already") from None
        ledger = Ledger(file)
        ledger.load()
        yield ledger
