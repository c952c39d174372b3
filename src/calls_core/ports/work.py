"""Work that must be done, and bytes that must not be forgotten."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeAlias

from calls_core.call import Call
from calls_core.errors import Reason
from calls_core.events import Event
from calls_core.job import Claim, JobId
from calls_core.ports.calls import Acceptance
from calls_core.recording import CallId, Recording, RecordingId, StoredCopy

WorkerIsDead: TypeAlias = Callable[[str], bool]
"""Whether the worker of this name is known to be dead; false as long as nobody knows."""


class JobQueue(Protocol):
    """Recordings that must be processed: the queue of record.

    A claim is a lease with a fencing number, which every write of a worker carries: once somebody else has claimed
    the job, or it is gone, the write changes nothing and raises ``LeaseLost``. Any method may raise
    ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def claim(self, worker: str, lease: timedelta, job_id: JobId | None = None) -> Claim | None:
        """Take the job named, or else the most urgent one; raise its attempt by one.

        It must be queued and due, before its deadline, and have attempts left.
        """

    @abstractmethod
    async def claim_hopeless(self, worker: str, lease: timedelta) -> Claim | None:
        """Take a job that shall be given up: past its deadline or with its attempts used up, and either queued or with
        its lease ended. The attempt is not raised."""

    @abstractmethod
    async def renew(self, claim: Claim, lease: timedelta) -> None:
        """Make the lease end *lease* from now."""

    @abstractmethod
    async def accept_pulled(self, claim: Claim, acceptance: Acceptance) -> None:
        """Store the recording that a claimed job has pulled; call and job are left as they are.

        Raises:
            UploadExpired: the hold is gone.
        """

    @abstractmethod
    async def save_step(self, claim: Claim, recording: Recording, analyzer: str) -> None:
        """Store the step of *analyzer* and, if it is done, its finding."""

    @abstractmethod
    async def keep_copy(self, claim: Claim, recording_id: RecordingId, copy: StoredCopy) -> None:
        """Make *copy* the redacted copy of a recording, take its hold away, and give the copy before to the sweep.

        Raises:
            UploadExpired: the hold is gone.
        """

    @abstractmethod
    async def finish(
        self,
        claim: Claim,
        call: Call,
        recording: Recording | None,
        events: Sequence[Event],
        *,
        fresh: Collection[str] = (),
    ) -> None:
        """End the job: save the call, all steps, the findings of the *fresh* analyzers, and the events."""

    @abstractmethod
    async def put_back(self, claim: Claim, delay: timedelta, reason: Reason | None, *, burn_attempt: bool) -> None:
        """Queue the job again, due after *delay*. With *burn_attempt* false, the attempt that the claim took is given
        back: an outage or a shutdown is nobody's failure."""

    @abstractmethod
    async def holders(self) -> Collection[str]:
        """Return the names of the workers that hold a lease."""

    @abstractmethod
    async def end_leases(self, workers: Collection[str]) -> None:
        """Make the leases that *workers* hold end now, since they are dead."""

    @abstractmethod
    async def requeue_expired(self, delay: timedelta = timedelta(0)) -> int:
        """Queue every running job whose lease has ended and that has hope, due after *delay*; return how many."""

    @abstractmethod
    async def unannounced(self, limit: int, again_after: timedelta) -> Sequence[JobId]:
        """Return due jobs that no wake-up was sent for in the last *again_after*, and note that one is sent now."""

    @abstractmethod
    async def depth(self) -> Mapping[str, int]:
        """Return how many jobs there are in each of the states ``queued`` and ``running``."""

    @abstractmethod
    async def oldest(self) -> datetime | None:
        """Return when the oldest job that is queued or running was made; None when there is none."""


class StepParts(Protocol):
    """What steps without a finding have paid for or wait for: bytes, by keys that each analyzer chooses.

    The transaction that stores the finding of a step removes its parts, and so does the end of the call. Any method
    may raise ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def get(self, recording_id: RecordingId, analyzer: str, key: str) -> bytes | None:
        """Return what is kept, None when there is nothing."""

    @abstractmethod
    async def keep(
        self, claim: Claim, recording_id: RecordingId, analyzer: str, key: str, content: bytes | None
    ) -> None:
        """Keep *content* in place of what was there; None removes it. Empty content is a place for an answer.

        Raises:
            LeaseLost: the job is somebody else's by now; nothing is changed.
        """

    @abstractmethod
    async def answer(self, call_id: CallId, analyzer: str, key: str, content: bytes) -> JobId | None:
        """Put an answer in its place, if there is an empty one, and make a job that waits for it due now.

        Return that job, None when there is none. The second answer to the same question changes nothing.
        """

    @abstractmethod
    async def hasten(self, call_id: CallId, analyzer: str, key: str) -> JobId | None:
        """Make the queued job of the call due now, if the answer is there; return it."""


class Holds(Protocol):
    """Stored bytes that no recording owns, each until a moment after which the sweep deletes them.

    A hold is written before the first byte, renewed while bytes flow, and taken away by the transaction that makes
    the recording. Any method may raise ``RepositoryUnavailable``.
    """

    @abstractmethod
    async def hold(self, key: str, duration: timedelta) -> None:
        """Start or renew the hold on *key*."""

    @abstractmethod
    async def renew(self, key: str, duration: timedelta) -> None:
        """Make the hold end *duration* from now.

        Raises:
            UploadExpired: there is no such hold any more.
        """

    @abstractmethod
    async def expired(self, limit: int, again_after: timedelta) -> Sequence[str]:
        """Return keys whose hold has ended, once. Their bytes shall be deleted: nobody can renew them any more, and an
        acceptance under them raises ``UploadExpired``."""

    @abstractmethod
    async def doomed(self, limit: int) -> Sequence[str]:
        """Return keys that ``expired`` has returned at least *again_after* ago, until they are dropped.

        Their bytes shall be deleted again: a writer that was asleep meanwhile may have written them since.
        """

    @abstractmethod
    async def drop(self, key: str) -> None:
        """Forget the hold: its bytes are deleted."""


class WakeUps(Protocol):
    """Tells workers at once what they would find by themselves a few seconds later."""

    @abstractmethod
    async def wake(self, job_id: JobId) -> None:
        """Send a wake-up. Never raises and never waits long: one that cannot be sent is logged, and the sweep sends
        another."""
