"""Calls at rest, and finding them."""

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from calls_core.audit import SYSTEM, Actor
from calls_core.call import Call
from calls_core.errors import IntakePaused
from calls_core.events import Event
from calls_core.findings import Transcript
from calls_core.job import Job
from calls_core.ports.idempotency import Answer, KeyedAnswer, Receipt
from calls_core.ports.uploads import Upload
from calls_core.recording import CallId, Recording
from calls_core.search import CallFilter, CallPage, PageRequest, StatsBucket, StatsRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """All that one accepted recording brings into the database at once.

    *held_key* is the hold that its bytes were written under; the acceptance takes it away. The hold being gone means
    that the sweep has taken the bytes for abandoned. *receipt* is the answer that shall be kept with it, and
    *upload* the upload that is finished by it: ``UploadConflict`` is raised when somebody else has its token.
    """

    call: Call
    recording: Recording
    job: Job
    events: Sequence[Event]
    held_key: str
    receipt: Receipt | None = None
    upload: Upload | None = None


class CallRepository(Protocol):
    """Calls and their recordings at rest. Each method is one transaction, durable when it returns.

    Any of them may raise ``RepositoryUnavailable``: the outcome is then unknown. With a receipt, they keep its answer
    when they store something, and raise ``IdempotencyKeyInUse``, storing nothing, when its claim is lost.
    """

    @abstractmethod
    async def add(self, call: Call, events: Sequence[Event]) -> Call:
        """Store a new call and return it; if its ``external_id`` is taken, store nothing and return the holder.

        Raises:
            IntakePaused: nothing is stored while new calls are not accepted.
        """

    @abstractmethod
    async def add_once(self, call: Call, events: Sequence[Event], keyed: KeyedAnswer) -> Call | Answer:
        """``add``, and keep the answer with the call; if there is one under its key, store nothing and return that.

        Raises:
            IdempotencyKeyInUse: the key is claimed.
            IntakePaused: as for ``add``; answers are given even then.
        """

    @abstractmethod
    async def add_pulled(self, call: Call, job: Job, events: Sequence[Event], receipt: Receipt | None = None) -> Call:
        """Store a new call whose recording *job* shall pull from ``job.source``, whether the intake is paused or not;
        if its ``external_id`` is taken, store nothing and return the holder."""

    @abstractmethod
    async def get(self, call_id: CallId) -> Call:
        """Return the call as last saved.

        Raises:
            CallNotFound: no such call.
        """

    @abstractmethod
    async def holder(self, external_id: str) -> Call | None:
        """Return the call that has the ``external_id``, if one has."""

    @abstractmethod
    async def recording(self, call_id: CallId) -> Recording:
        """Return the recording of a call, with its steps in order and its findings.

        Raises:
            CallNotFound: no such call.
            RecordingNotFound: the call has no recording.
        """

    @abstractmethod
    async def attach(self, acceptance: Acceptance) -> None:
        """Save the call and store its recording, steps, job and events; drop the hold.

        Raises:
            CallNotFound: no such call.
            RecordingExists: the call has a recording.
            StaleCall: the call was saved by someone else since it was read.
            UploadExpired: the hold is gone.
        """

    @abstractmethod
    async def ingest(self, acceptance: Acceptance) -> Call:
        """Store a new call with its recording, as ``attach`` does, whether the intake is paused or not. If the
        ``external_id`` is taken, store nothing and return the holder; the hold then stays.

        Raises:
            UploadExpired: the hold is gone.
        """

    @abstractmethod
    async def reprocess(
        self, call: Call, recording: Recording, job: Job, events: Sequence[Event], receipt: Receipt | None = None
    ) -> None:
        """Save the call and the steps of its recording, and store a new job. Findings stay.

        Raises:
            CallNotFound: no such call.
            StaleCall: the call was saved by someone else since it was read.
        """

    @abstractmethod
    async def erase(self, call_id: CallId, event: Event, by: Actor = SYSTEM, *, archives: bool = True) -> None:
        """Remove the call, its recording, steps, findings, jobs and earlier events; store *event* and an entry in the
        audit log, which says *by* whom. Its audio goes on a hold that has ended, so that the next sweep deletes it.
        Answers that were kept for it go too, and so, with *archives*, do those that hold it, as ``Exports.enclose``
        says.

        Raises:
            CallNotFound: no such call.
            CallOnHold: it is on a legal hold.
        """


class CallSearch(Protocol):
    """Finds calls. Any method may raise ``RepositoryUnavailable``."""

    @abstractmethod
    async def page(self, wanted: CallFilter, request: PageRequest) -> CallPage:
        """Return one page of the calls that fit, and how many fit in all."""

    @abstractmethod
    async def statistics(self, wanted: CallFilter, bucket: StatsBucket) -> Sequence[StatsRow]:
        """Return a row for each bucket of time, by ``started_at`` in UTC, that a fitting call falls into, in order."""

    @abstractmethod
    async def transcripts(self, call_ids: Collection[CallId]) -> Mapping[CallId, Transcript]:
        """Return what was said in those of the calls that have a transcript."""

    @abstractmethod
    async def count_ahead(self) -> bool:
        """Do a small part of what makes later questions quick; return whether there is more to do.

        Answers are the same without it. Any number of processes may ask for it at once.
        """


class Stemmer(Protocol):
    """Knows words by their forms. Called from any thread."""

    @abstractmethod
    def stem(self, word: str) -> str:
        """Return what the forms of *word* have in common: letters and digits without a space, at least one.

        *word* is as ``spoken_words`` compares it, in lower case. The same word always has the same stem, because stems
        are stored.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeState:
    accepting: bool = True
    reason: str | None = None

    def require_open(self) -> None:
        """Return when new calls are accepted.

        Raises:
            IntakePaused: somebody has paused the intake.
        """
        if not self.accepting:
            msg = f"new calls are not accepted at the moment: {self.reason or 'the intake is paused'}; try again later"
            raise IntakePaused(msg)


class IntakeSwitch(Protocol):
    """Whether new calls are accepted: one state for all replicas, kept over restarts."""

    @abstractmethod
    async def state(self) -> IntakeState:
        """Return the present state; accepting, unless something else was set."""

    @abstractmethod
    async def set(self, state: IntakeState) -> None:
        """Change the state."""
