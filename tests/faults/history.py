"""What clients were told, and what is there afterwards: the two sides that ``checker.py`` compares."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Answer(StrEnum):
    """What a client may believe of its upload: it is there, it is not, it is gone again, or nobody knows."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    ERASED = "erased"
    UNKNOWN = "unknown"


@dataclass(slots=True, kw_only=True)
class Upload:
    """One recording that a client sent, as often as it took.

    *key* is the ``external_id`` of its call, *sha256* that of the bytes sent, *ends* the status that its call must come
    to. *reprocessed* counts how often somebody asked for that.
    """

    key: str
    sha256: str
    answer: Answer = Answer.UNKNOWN
    call_id: str | None = None
    ends: str = "ready"
    reprocessed: int = 0


class CallRow(NamedTuple):
    id: str
    key: str | None
    status: str
    failure: str | None


class RecordingRow(NamedTuple):
    call_id: str
    sha256: str
    storage_key: str


class StepRow(NamedTuple):
    call_id: str
    analyzer: str
    status: str


class FindingRow(NamedTuple):
    call_id: str
    analyzer: str


class JobRow(NamedTuple):
    id: str
    call_id: str
    state: str


class EventRow(NamedTuple):
    id: str
    call_id: str
    type: str


@dataclass(slots=True, kw_only=True)
class State:
    """What is there, row by row, so that nothing is hidden by a key.

    *files* maps whatever the storage holds, half-written things included, to the SHA-256 of its bytes. *served* maps
    the ids of calls to the SHA-256 of the audio that the API gives out; *listed* has the ids of all pages of the list.
    None means that nobody looked.
    """

    calls: list[CallRow] = field(default_factory=list)
    recordings: list[RecordingRow] = field(default_factory=list)
    steps: list[StepRow] = field(default_factory=list)
    findings: list[FindingRow] = field(default_factory=list)
    jobs: list[JobRow] = field(default_factory=list)
    events: list[EventRow] = field(default_factory=list)
    holds: list[str] = field(default_factory=list)
    files: dict[str, str] | None = None
    served: dict[str, str] | None = None
    listed: list[str] | None = None
