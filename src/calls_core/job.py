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
class Patience:
    """How long silence is taken for work before somebody else takes over; every other interval follows from *lease*."""

    lease: timedelta = timedelta(seconds=60)

    @property
    def heartbeat(self) -> timedelta:
        """How often a lease, and the hold of an upload, is renewed: twice may fail before it ends."""
        return self.lease / 3

    @property
    def sweep_every(self) -> timedelta:
        return self.lease / 4

    @property
    def long_sleep(self) -> timedelta:
        """How long a process may have been asleep that still ends what it was writing when it wakes up."""
        return self.lease * 4

    def retry_delay(self, attempt: int) -> timedelta:
        """How long to wait after the failed *attempt*: 5 s of a lease of 60, doubled each time, at most 15 leases."""
        return min(self.lease * 15, self.lease / 12 * 2.0 ** min(max(0, attempt - 1), 16))

    def outage_delay(self, deferrals: int) -> timedelta:
        """How long to wait for something that is down: as for a retry, at most 5 leases."""
        return min(self.lease * 5, self.lease / 12 * 2.0 ** min(deferrals, 16))

    def heeded(self, delay: timedelta, retry_after: timedelta | None) -> timedelta:
        """Return *delay*, or what was asked for if that is longer, at most 60 leases."""
        return max(delay, min(self.lease * 60, retry_after or timedelta(0)))


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
    first, if it is not stored yet. *traceparent* (W3C) is the trace in which the job was made, if there is one.
    """

    id: JobId
    call_id: CallId
    created_at: datetime
    deadline_at: datetime
    source: PullSource | None = None
    attempt: int = 0
    deferrals: int = 0
    max_attempts: int = MAX_ATTEMPTS
    traceparent: str | None = None

    @classmethod
    def new(
        cls,
        job_id: UUID,
        call_id: CallId,
        now: datetime,
        source: PullSource | None = None,
        traceparent: str | None = None,
    ) -> "Job":
        return cls(
            id=JobId(job_id),
            call_id=call_id,
            created_at=now,
            deadline_at=now + DEADLINE,
            source=source,
            traceparent=traceparent,
        )

    @property
    def is_last_attempt(self) -> bool:
        return self.attempt >= self.max_attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A worker's lease on a job: valid as long as nobody has claimed it with a higher *token* since."""

    job: Job
    token: int
    worker: str
