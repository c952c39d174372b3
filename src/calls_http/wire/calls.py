"""Calls on the wire."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

import msgspec

from calls_core import call as core
from calls_core import errors, search
from calls_core import highlights as spoken
from calls_core.findings import TAGS_LIMIT
from calls_core.ports import IntakeState

URL_LIMIT: Final = 2048
_AROUND: Final = r"[\s\x1c-\x1f]*"
_WITHIN: Final = r"[^\x00-\x1f\x7f]"
SENTENCE: Final = r"^[^\x00-\x1f\x7f]*$"
_VISIBLE: Final = r"[^\s\x00-\x1f\x7f]"


def _pattern(limit: int) -> str:
    """Return what the core makes sure of: 1 to *limit* characters after trimming, none of them a control character."""
    return f"^{_AROUND}{_VISIBLE}({_WITHIN}{{0,{limit - 2}}}{_VISIBLE})?{_AROUND}$"


def _text(limit: int, description: str) -> msgspec.Meta:
    """Describe a text without checking it here: the core does, in better words."""
    return msgspec.Meta(extra_json_schema={"description": description, "extra": {"pattern": _pattern(limit)}})


_LABEL: Final = {"type": "string", "pattern": _pattern(core.PARTY_LIMIT)}
Party = Annotated[str, _text(core.PARTY_LIMIT, "A number, an extension or a SIP URI: 1 to 64 characters.")]
ExternalId = Annotated[str, _text(core.TEXT_LIMIT, "The id that your system gave the call; at most one call has it.")]
Agent = Annotated[str, _text(core.TEXT_LIMIT, "Who took the call, by whatever name your system knows them.")]
Moment = Annotated[
    datetime,
    msgspec.Meta(
        extra_json_schema={
            "description": "RFC 3339 with an offset, such as 2026-11-22T09:30:00Z.",
            "extra": {"format": "date-time"},
        }
    ),
]
Tags = Annotated[list[str], msgspec.Meta(extra_json_schema={"extra": {"max_items": TAGS_LIMIT, "items": _LABEL}})]
WebAddress = Annotated[
    str,
    msgspec.Meta(
        extra_json_schema={
            "description": "An http or https URL, percent-encoded.",
            "extra": {"pattern": "^https?://[!-~]+$", "max_length": URL_LIMIT},
        }
    ),
]
Metadata = Annotated[
    dict[str, Any], msgspec.Meta(extra_json_schema={"description": "Whatever your system wants to find again."})
]


class Reason(msgspec.Struct, kw_only=True):
    """*code* never changes; *detail* is a sentence for people."""

    code: str
    detail: str

    @classmethod
    def of(cls, reason: errors.Reason | None) -> "Reason | None":
        return cls(code=reason.code, detail=reason.detail) if reason else None


class NewCall(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A call as a business system announces it."""

    caller: Party
    receiver: Party
    started_at: Moment
    external_id: ExternalId | None = None
    direction: core.Direction | None = None
    agent: Agent | None = None
    tags: Tags | None = None
    metadata: Metadata | None = None

    def details(self) -> core.CallDetails:
        """Return the details; raise ``InvalidCall`` for what a schema cannot check."""
        return core.CallDetails.checked(
            caller=self.caller,
            receiver=self.receiver,
            started_at=self.started_at,
            external_id=self.external_id,
            direction=self.direction,
            agent=self.agent,
            tags=self.tags or (),
            metadata=self.metadata,
        )


class LegalHold(msgspec.Struct, kw_only=True):
    """Why the call must not be erased, since when, and who said so."""

    reason: str
    since: datetime
    by: str


class Call(msgspec.Struct, kw_only=True):
    """A call. *failure* tells why it failed; *duration_sec* is measured on the decoded audio. *tags* are the given ones
    and, once the recording is processed, those that its analyzers found."""

    id: UUID
    caller: str
    receiver: str
    started_at: datetime
    status: core.CallStatus
    created_at: datetime
    updated_at: datetime
    external_id: str | None
    direction: core.Direction | None
    agent: str | None
    tags: list[str]
    metadata: dict[str, Any]
    duration_sec: float | None
    failure: Reason | None
    legal_hold: LegalHold | None

    @classmethod
    def of(cls, call: core.Call) -> Self:
        details, hold = call.details, call.hold
        return cls(
            id=call.id,
            caller=details.caller,
            receiver=details.receiver,
            started_at=details.started_at,
            status=call.status,
            created_at=call.created_at,
            updated_at=call.updated_at,
            external_id=details.external_id,
            direction=details.direction,
            agent=details.agent,
            tags=list(call.tags),
            metadata=dict(details.metadata),
            duration_sec=call.duration_sec,
            failure=Reason.of(call.failure),
            legal_hold=LegalHold(reason=hold.reason, since=hold.since, by=hold.by) if hold else None,
        )


class Highlight(msgspec.Struct, kw_only=True):
    """A segment of the transcript, or a piece of a long one, with words that were searched for.

    *marks* are pairs of offsets in *text*, in characters (Unicode code points): from the first up to and not including
    the second. The times are those of the segment, null when the transcript has none.
    """

    text: str
    start_sec: float | None
    end_sec: float | None
    channel: int | None
    marks: list[tuple[int, int]]

    @classmethod
    def of(cls, highlight: spoken.Highlight) -> "Highlight":
        return cls(
            text=highlight.text,
            start_sec=highlight.start_sec,
            end_sec=highlight.end_sec,
            channel=highlight.channel,
            marks=list(highlight.marks),
        )


class FoundCall(Call, kw_only=True):
    """A call in a list. *highlights* are the best places of its transcript, null unless `text` was searched for."""

    highlights: list[Highlight] | None = None

    @classmethod
    def found(cls, call: core.Call, page: search.CallPage) -> "FoundCall":
        found = cls.of(call)
        if (places := page.highlights.get(call.id)) is not None:
            found.highlights = [Highlight.of(place) for place in places]
        return found


class CallPage(msgspec.Struct, kw_only=True):
    """*total* counts all calls that fit, exactly up to 10,000; with *total_capped* there are more."""

    total: int
    total_capped: bool
    items: list[FoundCall]
    next_cursor: str | None

    @classmethod
    def of(cls, page: search.CallPage) -> "CallPage":
        return cls(
            total=page.total,
            total_capped=page.total_capped,
            items=[FoundCall.found(call, page) for call in page.items],
            next_cursor=page.next_cursor.encoded() if page.next_cursor else None,
        )


class StatsRow(msgspec.Struct, kw_only=True):
    """Calls that started between *start* and one bucket later.

    *duration_sec* and *mean_duration_sec* are over the *measured* calls; *silence_share*, from 0 to 1, is the part of
    *duration_sec* in which all channels were silent.
    """

    start: datetime | None
    calls: int
    by_status: dict[str, int]
    measured: int
    duration_sec: float
    mean_duration_sec: float | None
    silence_share: float | None

    @classmethod
    def of(cls, row: search.StatsRow, start: datetime | None) -> "StatsRow":
        share = row.silence_share
        return cls(
            start=start,
            calls=row.calls,
            by_status={status.value: row.by_status.get(status, 0) for status in core.CallStatus},
            measured=row.measured,
            duration_sec=round(row.duration_sec, 3),
            mean_duration_sec=None if row.mean_duration_sec is None else round(row.mean_duration_sec, 3),
            silence_share=None if share is None else round(share, 6),
        )


class Stats(msgspec.Struct, kw_only=True):
    """*items* has one row per bucket, in UTC, that any call falls into; *total* adds them up and has no start."""

    bucket: search.StatsBucket
    items: list[StatsRow]
    total: StatsRow

    @classmethod
    def of(cls, rows: Sequence[search.StatsRow], bucket: search.StatsBucket) -> "Stats":
        total = search.StatsRow(
            start=datetime.min,  # noqa: DTZ901 (not shown)
            by_status={status: sum(row.by_status.get(status, 0) for row in rows) for status in core.CallStatus},
            measured=sum(row.measured for row in rows),
            duration_sec=sum(row.duration_sec for row in rows),
            silence_sec=sum(row.silence_sec for row in rows),
        )
        return cls(
            bucket=bucket, items=[StatsRow.of(row, row.start) for row in rows], total=StatsRow.of(total, start=None)
        )


class Intake(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Whether new calls are accepted, and if not, why: *reason* is what their senders are told."""

    accepting: bool
    reason: Annotated[str, msgspec.Meta(max_length=500, pattern=SENTENCE)] | None = None

    @classmethod
    def of(cls, state: IntakeState) -> "Intake":
        return cls(accepting=state.accepting, reason=state.reason)
