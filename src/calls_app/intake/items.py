"""What shall be imported: files of a folder, and lines of a manifest."""

import codecs
import csv
import hashlib
import tempfile
from collections import Counter
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
DELIMITERS: Final = (",", ";", "\t")
"""Spreadsheets write what their country is used to."""

NO_PATTERN: Final = "--pattern: tell how the files are named: a preset or a regular expression"


@dataclass(frozen=True, slots=True)
class Item:
    """A recording at *path*, called *source* where it was found. *details* describes its call, or raises
    ``InvalidInput``.

    *fetch* writes to a path what does not lie on this machine; the name of *path* is then all that counts of it.
    *mention* counts the lines of a manifest that name the same file.
    """

    source: str
    path: Path
    details: Callable[[], CallDetails]
    fetch: Callable[[Path], Awaitable[None]] | None = None
    mention: int = 1

    @property
    def name(self) -> str:
        """What reports call it: no other item of the same source is called so."""
        return self.source if self.mention == 1 else f"{self.source}#{self.mention}"

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


Row = tuple[str, Callable[[], CallDetails]]
"""The file that a line names, and what describes its call."""


def _lines(manifest: Path, rows: Iterator[Row]) -> Iterator[Item]:
    mentions: Counter[str] = Counter()
    for file, details in rows:
        mentions[file] += 1
        yield Item(file, manifest.parent / file, details, mention=mentions[file])


def _csv_rows(manifest: Path) -> Iterator[Row]:
    with manifest.open(newline="", encoding="utf-8-sig") as text:
        try:
            rows = csv.DictReader(text, delimiter=_delimiter(text.readline()))
            text.seek(0)
            _require_columns(manifest, [name.strip() for name in rows.fieldnames or ()])
            rows.fieldnames = [name.strip() for name in rows.fieldnames or ()]
            for row in rows:
                yield _csv_row(row, rows.line_num)
        except UnicodeDecodeError:
            raise ValueError(f"{manifest.name} is not UTF-8; save it as CSV in UTF-8") from None
        except csv.Error as error:
            raise ValueError(f"{manifest.name} is no CSV: {error}") from None


def _delimiter(heading: str) -> str:
    return max(DELIMITERS, key=heading.count)


def _require_columns(manifest: Path, columns: list[str]) -> None:
    known = {FILE, *wire.NewCall.__struct_fields__}
    wrong = ""
    if FILE not in columns:
        wrong = f"there is no column {FILE}"
    elif unknown := set(columns) - known:
        wrong = f"the column {min(unknown)!r} is not known"
    elif len(set(columns)) < len(columns):
        wrong = "a column is there twice"
    if wrong:
        raise ValueError(f"{manifest.name}: {wrong}; known are {', '.join(sorted(known))}")


def _csv_row(row: dict[str | Any, str | Any], number: int) -> Row:
    if None in row:
        return _refused_line(number, "has more cells than the first line names")
    file = (row[FILE] or "").strip()
    if not file:
        return _refused_line(number, f"names no {FILE}")
    fields = {name: [text] for name, text in row.items() if name != FILE and text}
    return file, lambda: details_of(fields)


def _json_rows(manifest: Path) -> Iterator[Row]:
    with manifest.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if text := line.removeprefix(codecs.BOM_UTF8).strip():
                yield _json_row(text, number)


def _json_row(line: bytes, number: int) -> Row:
    try:
        row: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _refused_line(number, f"is no JSON object: {error}")
    file = row.pop(FILE, None)
    if not isinstance(file, str) or not file:
        return _refused_line(number, f"names no {FILE!r}")
    return file, lambda: converted(row, wire.NewCall).details()


def _refused_line(number: int, why: str) -> Row:
    def refuse() -> CallDetails:
        raise InvalidInput(f"line {number} {why}")

    return f"line {number}", refuse
