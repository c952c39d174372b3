"""What shall be imported: files of a folder, and lines of a manifest."""

import csv
import hashlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Final

import msgspec

from calls_app.intake.naming import Naming
from calls_core.call import CallDetails
from calls_core.errors import InvalidInput
from calls_http import wire
from calls_http.bodies import converted
from calls_http.ingest import details_of

UNFINISHED: Final = (".part", ".tmp", ".temp", ".filepart", ".crdownload")
"""Extensions that programs give to files which they are still writing."""

FILE: Final = "file"
NO_PATTERN: Final = "--pattern: tell how the files are named: a preset or a regular expression"


@dataclass(frozen=True, slots=True)
class Item:
    """A recording at *path*, which reports call *source*. *details* describes its call, or raises ``InvalidInput``.

    *fetch* writes to a path what does not lie on this machine; the name of *path* is then all that counts of it.
    """

    source: str
    path: Path
    details: Callable[[], CallDetails]
    fetch: Callable[[Path], Awaitable[None]] | None = None

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator["Item"]:
        """Lend the item with its file on this machine.

        Raises:
            InvalidInput: there is no such file.
            Unreachable: it cannot be fetched now.
        """
        if self.fetch is None:
            if not self.path.is_file():
                raise InvalidInput(f"there is no file {self.path}")
            yield self
            return
        with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
            path = Path(folder, self.path.name)
            await self.fetch(path)
            yield replace(self, path=path)

    def identified(self) -> CallDetails:
        """Return the details with an ``external_id``: what was given, else one that this name and these bytes always
        get, so that whoever hands the file over again makes no second call of it."""
        details = self.details()
        if details.external_id is not None:
            return details
        with self.path.open("rb") as file:
            content = hashlib.file_digest(file, "sha256").hexdigest()
        identity = hashlib.sha256(f"{content} {self.source}".encode()).hexdigest()
        return replace(details, external_id=f"file:{identity[:40]}")


def items_of(source: Path, naming: Naming | None) -> Iterator[Item]:
    """Yield what *source* holds, in order.

    Raises:
        ValueError: it cannot be read as what it seems to be.
    """
    if not source.exists():
        raise ValueError(f"there is no {source}")
    if source.is_dir():
        if naming is None:
            raise ValueError(NO_PATTERN)
        for path in files_below(source):
            yield named_item(source, path, naming)
    elif source.suffix.lower() in {".jsonl", ".ndjson"}:
        yield from _lines(source, _json_rows(source))
    elif source.suffix.lower() == ".csv":
        yield from _lines(source, _csv_rows(source))
    else:
        raise ValueError(f"{source} is neither a folder, nor a manifest (.csv or .jsonl), nor s3://BUCKET/PREFIX")


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files that nobody hides or is still writing."""
    for path in sorted(folder.rglob("*")):
        if counts(path.relative_to(folder)) and path.is_file():
            yield path


def counts(path: PurePath) -> bool:
    """Whether nobody hides a file of this name or is still writing it."""
    return not any(part.startswith(".") for part in path.parts) and path.suffix.lower() not in UNFINISHED


def named_item(folder: Path, path: Path, naming: Naming) -> Item:
    return Item(path.relative_to(folder).as_posix(), path, described_by(naming, path.stem))


def described_by(naming: Naming, stem: str) -> Callable[[], CallDetails]:
    return lambda: details_of({name: [text] for name, text in naming.fields(stem).items()})


def _lines(manifest: Path, rows: Iterator[tuple[str, Callable[[], CallDetails]]]) -> Iterator[Item]:
    for file, details in rows:
        yield Item(file, manifest.parent / file, details)


def _csv_rows(manifest: Path) -> Iterator[tuple[str, Callable[[], CallDetails]]]:
    with manifest.open(newline="", encoding="utf-8-sig") as text:
        rows = csv.DictReader(text)
        known = {FILE, *wire.NewCall.__struct_fields__}
        columns = rows.fieldnames or ()
        if FILE not in columns or (unknown := set(columns) - known):
            wrong = f"there is no column {FILE}" if FILE not in columns else f"the column {min(unknown)} is not known"
            raise ValueError(f"{manifest.name}: {wrong}; known are {', '.join(sorted(known))}")
        for row in rows:
            fields = {name: [text] for name, text in row.items() if name and name != FILE and text}
            yield row[FILE], lambda fields=fields: details_of(fields)  # type: ignore[misc]


def _json_rows(manifest: Path) -> Iterator[tuple[str, Callable[[], CallDetails]]]:
    with manifest.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
                file = row.pop(FILE)
            except (msgspec.DecodeError, UnicodeDecodeError, KeyError) as error:
                raise ValueError(f"{manifest.name}: line {number} is no JSON object with {FILE!r}: {error}") from None
            if not isinstance(file, str):
                raise ValueError(f"{manifest.name}: line {number}: {FILE!r} must be a text")  # noqa: TRY004 (one kind)
            yield file, lambda row=row: converted(row, wire.NewCall).details()  # type: ignore[misc]
