"""What must go after a while, what must stay, and what somebody asked to be erased."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

from calls_core.recording import CallId

ErasureId = NewType("ErasureId", UUID)

REASON_LIMIT: Final = 500


class Kept(StrEnum):
    """The classes of what is kept. *Transcripts* are all findings that hold words; *calls* are everything."""

    AUDIO = "audio"
    TRANSCRIPTS = "transcripts"
    CALLS = "calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRules:
    """For how long each class is kept, from when the service accepted it; None is for ever."""

    audio: timedelta | None = None
    transcripts: timedelta | None = None
    calls: timedelta | None = None

    def before(self, kept: Kept, now: datetime) -> datetime | None:
        """Return the moment before which *kept* is too old; None if it never is."""
        limits = {Kept.AUDIO: self.audio, Kept.TRANSCRIPTS: self.transcripts, Kept.CALLS: self.calls}
        limit = limits[kept]
        return None if limit is None else now - limit


@dataclass(frozen=True, slots=True, kw_only=True)
class Overdue:
    """How much of one class is too old: *calls* would lose it, *size_bytes* of audio would go; *held* calls keep it."""

    calls: int
    held: int
    size_bytes: int


class ErasureOutcome(StrEnum):
    PLANNED = "planned"
    ERASED = "erased"
    HELD = "held"


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasedCall:
    """One line of a receipt: *sha256* is that of the audio, if there was any."""

    call_id: CallId
    outcome: ErasureOutcome
    at: datetime
    sha256: str | None = None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """An order to erase every call whose caller or receiver is a number. The *number*, as search compares it, is kept
    only until the work is done; *number_sha256*, its hash, stays."""

    id: ErasureId
    number: str | None
    number_sha256: str
    by_id: str
    by_name: str
    created_at: datetime
    finished_at: datetime | None = None
    calls: tuple[ErasedCall, ...] = ()
