"""The Call aggregate: a phone call as business systems know it, and the table of what may happen to it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from calls_core.errors import FieldError, IllegalTransition, InvalidCall, Reason, StillProcessing
from calls_core.findings import TAG_LENGTH_LIMIT, TAGS_LIMIT, JsonValue, is_storable_json, label_faults
from calls_core.recording import CallId, Recording

PARTY_LIMIT: Final = 64
TEXT_LIMIT: Final = 128
METADATA_LIMIT: Final = 16_384
METADATA_DEPTH: Final = 8

_as_json: Final = json.JSONEncoder(ensure_ascii=False).encode  # json.dumps makes one each time


class CallStatus(StrEnum):
    CREATED = "created"
    PROCESSING = "processing"
    READY = "ready"
    FAILED = "failed"


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"


TRANSITIONS: Final[Mapping[CallStatus, frozenset[CallStatus]]] = MappingProxyType(
    {
        CallStatus.CREATED: frozenset({CallStatus.PROCESSING}),
        CallStatus.PROCESSING: frozenset({CallStatus.READY, CallStatus.FAILED}),
        CallStatus.READY: frozenset({CallStatus.PROCESSING}),
        CallStatus.FAILED: frozenset({CallStatus.PROCESSING}),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDetails:
    """What a business system tells about a call; ``CallDetails.checked`` refuses what is not valid."""

    caller: str
    receiver: str
    started_at: datetime
    external_id: str | None = None
    direction: Direction | None = None
    agent: str | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)

    @classmethod
    def checked(
        cls,
        *,
        caller: str,
        receiver: str,
        started_at: datetime,
        external_id: str | None = None,
        direction: Direction | None = None,
        agent: str | None = None,
        tags: Sequence[str] = (),
        metadata: Mapping[str, JsonValue] | None = None,
    ) -> "CallDetails":
        """Return the details, trimmed and with times in UTC.

        Numbers, extensions and SIP URIs all occur as *caller* and *receiver*, so nothing is assumed of them but a
        length of 1 to 64 characters.

        Raises:
            InvalidCall: with one entry for every field that is wrong.
        """
        texts = {"caller": caller.strip(), "receiver": receiver.strip()}
        limits = {"caller": PARTY_LIMIT, "receiver": PARTY_LIMIT, "external_id": TEXT_LIMIT, "agent": TEXT_LIMIT}
        texts |= {
            name: text.strip() for name, text in (("external_id", external_id), ("agent", agent)) if text is not None
        }
        errors = [
            FieldError(f"/{name}", why) for name, text in texts.items() for why in label_faults(text, limits[name])
        ]
        labels = tuple(dict.fromkeys(tag.strip() for tag in tags))
        errors += [
            FieldError(f"/tags/{index}", why)
            for index, tag in enumerate(labels)
            for why in label_faults(tag, TAG_LENGTH_LIMIT)
        ]
        if len(tags) > TAGS_LIMIT:
            errors.append(FieldError("/tags", f"at most {TAGS_LIMIT} tags"))
        errors += [FieldError("/metadata", why) for why in _metadata_faults(metadata or {})]
        try:
            started_at = utc(started_at)
        except ValueError as error:
            errors.append(FieldError("/started_at", str(error)))
        if errors:
            raise InvalidCall("; ".join(f"{e.pointer[1:]}: {e.detail}" for e in errors), errors)
        return cls(
            caller=texts["caller"],
            receiver=texts["receiver"],
            started_at=started_at,
            external_id=texts.get("external_id"),
            direction=direction,
            agent=texts.get("agent"),
            tags=labels,
            metadata=dict(metadata or {}),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LegalHold:
    """Why a call must not be erased, since when, and who said so."""

    reason: str
    since: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A phone call.

    Immutable: every change returns a new ``Call``, so a half-changed one cannot exist and two calls are equal when
    their fields are. *version* counts the saved changes; a writer that read an older one is refused. *found_tags* are
    those that analyzers found; the given ones, in *details*, never change. A *hold* comes and goes without a version.
    """

    id: CallId
    details: CallDetails
    created_at: datetime
    updated_at: datetime
    status: CallStatus = CallStatus.CREATED
    duration_sec: float | None = None
    silence_sec: float | None = None
    failure: Reason | None = None
    found_tags: tuple[str, ...] = ()
    version: int = 0
    hold: LegalHold | None = None

    @property
    def tags(self) -> tuple[str, ...]:
        """The given tags, then the found ones, each once."""
        return tuple(dict.fromkeys((*self.details.tags, *self.found_tags)))

    def begin_processing(self, now: datetime) -> "Call":
        """A recording was accepted, or shall be processed again.

        Raises:
            StillProcessing: it is being processed already.
        """
        if self.status is CallStatus.PROCESSING:
            msg = f"call {self.id} is still being processed; wait until it is ready or failed"
            raise StillProcessing(msg)
        return replace(self._move(CallStatus.PROCESSING, now), failure=None)

    def finish_processing(self, recording: Recording, now: datetime) -> "Call":
        """Every step has ended: ready when all of them succeeded, failed otherwise. What was measured is kept."""
        target = CallStatus.FAILED if recording.failure else CallStatus.READY
        signal = recording.signal
        return replace(
            self._move(target, now),
            failure=recording.failure,
            duration_sec=signal.duration_sec if signal else None,
            silence_sec=round(signal.silence_sec, 3) if signal else None,
            found_tags=recording.tags,
        )

    def fail(self, reason: Reason, now: datetime) -> "Call":
        """There is no recording to process, and there will be none."""
        return replace(self._move(CallStatus.FAILED, now), failure=reason)

    def _move(self, target: CallStatus, now: datetime) -> "Call":
        if target not in TRANSITIONS[self.status]:
            msg = f"call {self.id} is {self.status} and cannot become {target}"
            raise IllegalTransition(msg)
        return replace(self, status=target, updated_at=now, version=self.version + 1)


def utc(moment: datetime) -> datetime:
    """Return *moment* in UTC.

    Raises:
        ValueError: it has no offset from UTC, or is too near the ends of the calendar.
    """
    if moment.tzinfo is None or moment.utcoffset() is None:
        msg = "needs an offset from UTC, such as Z or +03:00"
        raise ValueError(msg)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        msg = "lies outside of the years 1 to 9999"
        raise ValueError(msg) from None


def _metadata_faults(metadata: Mapping[str, JsonValue]) -> Iterator[str]:
    if not is_storable_json(metadata, METADATA_DEPTH):
        yield f"must be JSON without NUL and half characters, nested no deeper than {METADATA_DEPTH} levels"
    elif len(_as_json(metadata).encode()) > METADATA_LIMIT:
        yield f"must have at most {METADATA_LIMIT} bytes of JSON"
