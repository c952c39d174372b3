"""A folder that a telephone system records into: every file that is whole is handed over, once."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final

from calls_app.intake import Then
from calls_app.intake.items import Item, files_below, named_item
from calls_app.intake.ledger import Entry, Ledger, Outcome
from calls_app.intake.naming import Naming
from calls_app.intake.receivers import Receiver, Unreachable
from calls_app.intake.running import handed_over

JOURNAL: Final = ".calls-watch.csv"
REFUSED: Final = "refused"
DONE: Final = "done"
EMPTY_FACTOR: Final = 10
"""A file without a byte must be left alone so many times longer: recorders make it first and write later."""
LONGEST_PAUSE_SEC: Final = 60.0

_log = logging.getLogger("calls.watch")


@dataclass(slots=True)
class Seen:
    """A file as it was when it last changed: since then it has been left alone."""

    size: int
    changed_ns: int
    since: float


@dataclass(slots=True)
class Watch:
    """Looks at *folder* again and again. A file is whole when size and time have stayed the same for *settle_sec*.

    What was taken is noted in a journal within the folder, on the disk before the file is touched. If the power fails
    in between, the file is handed over again and known by its ``external_id``. Refused files are moved into
    ``refused``, each with a file beside it that tells why. While the service is away, everything stays where it is.
    """

    folder: Path
    naming: Naming
    receiver: Receiver
    ledger: Ledger
    settle_sec: float = 5.0
    poll_sec: float = 1.0
    then: Then = Then.KEEP
    _seen: dict[Path, Seen] = field(default_factory=dict)
    _stuck: set[str] = field(default_factory=set)

    async def __call__(self) -> None:
        """Watch until cancelled."""
        pause = self.poll_sec
        while True:
            try:
                await self.look()
                pause = self.poll_sec
            except Unreachable as error:
                pause = min(LONGEST_PAUSE_SEC, pause * 2)
                _log.warning("nothing is taken at the moment, next try in %.0f s: %s", pause, error)
            await asyncio.sleep(pause)

    async def look(self) -> int:
        """Hand over what is whole by now; return how many files that were.

        Raises:
            Unreachable: the service is away; what is whole stays so.
        """
        taken = 0
        for path, seen in list(self._whole()):
            item = named_item(self.folder, path, self.naming)
            version = f"{item.source}|{seen.size}|{seen.changed_ns}"
            if version in self._stuck:
                continue
            if version not in self.ledger.done:
                entry = await handed_over(item, self.receiver, self.poll_sec, tries=1)
                if not _is_as(path, seen):
                    continue  # somebody has written to it after all; what came is a call of its own
                self.ledger.note(replace(entry, source=version))
                _log.info("%s: %s %s", item.source, entry.outcome, entry.detail or entry.call_id)
                taken += 1
                if entry.outcome is Outcome.REFUSED:
                    self._moving(version, partial(_put_aside, self.folder, item, entry))
                    continue
            self._moving(version, partial(self._finish, item))
        return taken

    def _moving(self, version: str, move: Callable[[], None]) -> None:
        """Let a file that cannot be moved lie until it changes or we start again: the others must not wait for it."""
        try:
            move()
        except OSError as error:
            self._stuck.add(version)
            _log.warning("%s stays where it is: %s", version.partition("|")[0], error)

    def _whole(self) -> Iterator[tuple[Path, Seen]]:
        now = time.monotonic()
        there: dict[Path, Seen] = {}
        for path in self._files():
            try:
                found = path.stat()
            except FileNotFoundError:
                continue
            seen = self._seen.get(path)
            if seen is None or (seen.size, seen.changed_ns) != (found.st_size, found.st_mtime_ns):
                seen = Seen(found.st_size, found.st_mtime_ns, now)
            there[path] = seen
            if now - seen.since >= self.settle_sec * (1 if seen.size else EMPTY_FACTOR):
                yield path, seen
        self._seen = there

    def _files(self) -> Iterator[Path]:
        for path in files_below(self.folder):
            if path.relative_to(self.folder).parts[0] not in {REFUSED, DONE}:
                yield path

    def _finish(self, item: Item) -> None:
        if self.then is Then.DELETE:
            item.path.unlink(missing_ok=True)
        elif self.then is Then.MOVE:
            _move(item.path, _free(self.folder / DONE / item.source))


def _is_as(path: Path, seen: Seen) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return True  # what came of it was whole
    return (found.st_size, found.st_mtime_ns) == (seen.size, seen.changed_ns)


def _put_aside(folder: Path, item: Item, entry: Entry) -> None:
    """Move a refused file away; the reason is there first, so that no file is ever there without."""
    target = _free(folder / REFUSED / item.source)
    target.parent.mkdir(parents=True, exist_ok=True)
    reason = target.with_name(f"{target.name}.reason.txt")
    with reason.open("w") as text:
        text.write(f"{entry.code}: {entry.detail}\n")
        text.flush()
        os.fsync(text.fileno())
    _move(item.path, target)


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.replace(target)
    except FileNotFoundError:
        return
    for folder in {path.parent, target.parent}:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _free(target: Path) -> Path:
    """Return *target*, or the same with the first number behind it that nobody has."""
    number, free = 1, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.stem}.{number}{target.suffix}")
    return free
