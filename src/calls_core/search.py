"""What a list of calls can be asked for, and how numbers are compared."""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from calls_core.call import Call, CallStatus, utc
from calls_core.errors import FieldError, InvalidQuery
from calls_core.highlights import Highlight
from calls_core.recording import CallId
from calls_core.spoken import QUERY_WORDS_LIMIT, WordQuery

COUNT_CAP: Final = 10_000
PAGE_LIMIT: Final = 200
MIN_QUERY: Final = 2
DURATION_LIMIT: Final = 1e9
PARTY_SEPARATOR: Final = "\n"

_IGNORED: Final = {ord(c): None for c in "-()[]{}‐‑‒–—"}


class Order(StrEnum):
    """A leading minus means: latest first. Calls of one moment are ordered by their id in the same direction."""

    NEWEST = "-started_at"
    OLDEST = "started_at"


class StatsBucket(StrEnum):
    HOUR = "hour"
    DAY = "day"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls fit; what is None does not matter. Times are half-open: from <= started_at < until.

    *query* is a piece of caller or receiver as ``normalized`` leaves it; *text* is about the words of the transcript.
    Durations are seconds, both ends included.
    """

    query: str | None = None
    status: CallStatus | None = None
    started_from: datetime | None = None
    started_until: datetime | None = None
    tag: str | None = None
    agent: str | None = None
    text: WordQuery | None = None
    min_duration: float | None = None
    max_duration: float | None = None

    @classmethod
    def checked(
        cls,
        *,
        query: str | None = None,
        status: CallStatus | None = None,
        started_from: datetime | None = None,
        started_until: datetime | None = None,
        tag: str | None = None,
        agent: str | None = None,
        text: str | None = None,
        min_duration: float | None = None,
        max_duration: float | None = None,
    ) -> "CallFilter":
        """Return the filter as clients may send it.

        A leading space of *query* is the plus of an unencoded ``?query=+7900``. *text* is read by ``WordQuery.parsed``.

        Raises:
            InvalidQuery: with one entry for every parameter that is wrong.
        """
        texts = {
            "query": query and normalized(_with_plus(query)),
            "text": text and " ".join(text.split()),
            "tag": tag and tag.strip(),
            "agent": agent and agent.strip(),
        }
        moments = {"started_from": started_from, "started_until": started_until}
        durations = {"min_duration": min_duration, "max_duration": max_duration}
        words = None if text is None else WordQuery.parsed(text)
        errors = [
            *_text_errors(texts),
            *_word_errors(words),
            *(
                FieldError(f"/{name}", "must be a number of seconds from 0 to 1000000000")
                for name, number in durations.items()
                if number is not None and not 0 <= number <= DURATION_LIMIT
            ),
        ]
        for name, moment in moments.items():
            try:
                moments[name] = moment and utc(moment)
            except ValueError as error:
                errors.append(FieldError(f"/{name}", str(error)))
        if errors:
            raise InvalidQuery("; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors), errors)
        return cls(
            query=texts["query"],
            status=status,
            started_from=moments["started_from"],
            started_until=moments["started_until"],
            tag=texts["tag"],
            agent=texts["agent"],
            text=words,
            min_duration=min_duration,
            max_duration=max_duration,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """The place after one call in a list that is sorted by ``started_at`` and id."""

    started_at: datetime
    id: CallId

    def encoded(self) -> str:
        text = f"{self.started_at.astimezone(UTC).isoformat()} {self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decoded(cls, text: str) -> "Cursor":
        """Return the cursor that ``encoded`` made.

        Raises:
            InvalidQuery: it was not made by us.
        """
        try:
            moment, _, key = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(" ")
            started_at = datetime.fromisoformat(moment)
            return cls(started_at=started_at.astimezone(UTC), id=CallId(UUID(key)))
        except (ValueError, OverflowError, binascii.Error) as error:
            msg = "cursor: send back next_cursor exactly as it was given"
            raise InvalidQuery(msg, [FieldError("/cursor", "not a cursor of this service")]) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which part of the list: *limit* calls after *cursor*, or after leaving out *offset*.

    *exact_count* asks for the whole number of calls that fit, however long counting takes; otherwise it is exact up
    to 10,000. *count* false leaves counting out, as an export does.
    """

    limit: int = 50
    offset: int = 0
    cursor: Cursor | None = None
    order: Order = Order.NEWEST
    exact_count: bool = False
    count: bool = True

    def __post_init__(self) -> None:
        errors = []
        if not 1 <= self.limit <= PAGE_LIMIT:
            errors.append(FieldError("/limit", f"must be from 1 to {PAGE_LIMIT}"))
        if not 0 <= self.offset < 2**31:
            errors.append(FieldError("/offset", "must be from 0 to 2147483647"))
        if self.cursor is not None and self.offset:
            errors.append(FieldError("/offset", "cannot be combined with a cursor"))
        if errors:
            raise InvalidQuery("; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors), errors)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPage:
    """*total* is how many calls fit in all; with *total_capped* it is 10,000 and there are more.

    *highlights* has an entry for each item when transcripts were searched.
    """

    items: tuple[Call, ...]
    total: int
    total_capped: bool = False
    next_cursor: Cursor | None = None
    highlights: Mapping[CallId, tuple[Highlight, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatsRow:
    """Calls that started in one bucket of time. *silence_sec* and *duration_sec* are sums over measured calls."""

    start: datetime
    by_status: dict[CallStatus, int]
    measured: int
    duration_sec: float
    silence_sec: float

    @property
    def calls(self) -> int:
        return sum(self.by_status.values())

    @property
    def mean_duration_sec(self) -> float | None:
        return self.duration_sec / self.measured if self.measured else None

    @property
    def silence_share(self) -> float | None:
        return self.silence_sec / self.duration_sec if self.duration_sec else None


def _with_plus(query: str) -> str:
    """Give a number back the plus that an unencoded query string turns into a space."""
    return f"+{query[1:]}" if query[:1] == " " and query[1:].lstrip(" (")[:1].isdigit() else query


def _text_errors(texts: Mapping[str, str | None]) -> Iterator[FieldError]:
    for name, text in texts.items():
        if text is not None and name == "query" and len(text) < MIN_QUERY:
            yield FieldError(f"/{name}", f"must have at least {MIN_QUERY} characters that count")
        if text is not None and not text.isprintable():
            yield FieldError(f"/{name}", "must not contain control characters")


def _word_errors(words: WordQuery | None) -> Iterator[FieldError]:
    if words is not None and not words.wanted:
        besides = " besides those to leave out" if words.unwanted else ""
        yield FieldError("/text", f"must have a word to find{besides}: letters or digits")
    if words is not None and words.size > QUERY_WORDS_LIMIT:
        yield FieldError("/text", f"must have at most {QUERY_WORDS_LIMIT} words")


def normalized(text: str) -> str:
    """Return *text* as it is compared: lower case, without spaces, dashes and brackets, which people put in numbers."""
    return "".join(text.lower().split()).translate(_IGNORED)


def concealed(number: str) -> str:
    """Return what the audit trail says of a number that was looked for: whoever knows the number can find it there, and
    nobody can read it there when it has been erased everywhere else."""
    return f"sha256:{hashlib.sha256(normalized(number).encode()).hexdigest()}"


def search_key(call: Call) -> str:
    """Return what ``query`` is looked for in. No query can span the separator, because it has no control characters."""
    return f"{normalized(call.details.caller)}{PARTY_SEPARATOR}{normalized(call.details.receiver)}"
