"""The job: the stored fact that a call's recording must be processed, and how patient we are with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NewType
from uuid import UUID

from calls_core.recording import CallId

JobId = NewType("JobId", UUID)

MAX_ATTEMPTS: Final = 5
DEADLINE: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class PullSource:
    """Where a recording must be fetched from, and what its file shall be called."""

    url: str
    filename: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One order to process the recording of a call.

    *attempt* counts claims, not errors, so that a recording which kills its worker ends too. *deferrals* counts the
    times it was put back because something outside was down. *source* is where the recording must be pulled from
    first, if it is not stored yet.
    """

    id: JobId
    call_id: CallId
    created_at: datetime
    deadline_at: datetime
    source: PullSource | None = None
    attempt: int = 0
    deferrals: int = 0
    max_attempts: int = MAX_ATTEMPTS

    @classmethod
    def new(cls, job_id: UUID, call_id: CallId, now: datetime, source: PullSource | None = None) -> "Job":
        return cls(id=JobId(job_id), call_id=call_id, created_at=now, deadline_at=now + DEADLINE, source=source)

    @property
    def is_last_attempt(self) -> bool:
        return self.attempt >= self.max_attempts

    def retry_delay(self) -> timedelta:
        """How long to wait after an attempt that failed: 5 s, doubled each time, at most 15 minutes."""
        return timedelta(seconds=min(900, 5 * 2 ** max(0, self.attempt - 1)))

    def outage_delay(self) -> timedelta:
        """How long to wait for something that is down: 5 s, doubled each time, at most 5 minutes."""
        return timedelta(seconds=min(300, 5 * 2 ** min(self.deferrals, 16)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's lease on a job: valid as long as nobody has claimed it with a higher *token* since."""

    job: Job
    token: int
    worker: str
