"""One service without a server: in-memory adapters and the use cases over them, any of which a test may replace."""

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypeVar, cast
from uuid import UUID

from calls_adapters.memory import (
    MemoryCallRepository,
    MemoryCallSearch,
    MemoryDatabase,
    MemoryHolds,
    MemoryIdempotencyKeys,
    MemoryIntakeSwitch,
    MemoryJobQueue,
    MemoryStepParts,
    MemoryStorage,
    MemoryTelemetry,
    MemoryUploads,
    MemoryWakeUps,
)
from calls_adapters.memory.database import JobState
from calls_adapters.snowball import SnowballStemmer
from calls_core.findings import Facts, Finding
from calls_core.job import Patience
from calls_core.ports import (
    Analyzers,
    Audio,
    AudioDecoder,
    AudioSource,
    CallRepository,
    Clock,
    Holds,
    IdempotencyKeys,
    IntakeSwitch,
    JobQueue,
    NewId,
    RecordingStorage,
    StepParts,
    Telemetry,
    Uploads,
    WakeUps,
    WorkerIsDead,
)
from calls_core.search import CallFilter, PageRequest
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.attempt_steps import AttemptSteps
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.ingest_call import IngestCall
from calls_core.use_cases.link_outside import LinkOutside, Seals
from calls_core.use_cases.make_redacted_copy import MakeRedactedCopy
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.pull_recording import PullRecording
from calls_core.use_cases.receive_recording import ReceiveRecording, UploadLimits
from calls_core.use_cases.recover_work import RecoverWork
from calls_core.use_cases.register_call import ControlIntake, RegisterCall
from calls_core.use_cases.run_step import RunStep
from tests.faults.history import CallRow, EventRow, FindingRow, JobRow, RecordingRow, State, StepRow

T = TypeVar("T")
POISON: Final = b"poison"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the world is made of: a seeded bug replaces one or two of them."""

    database: Callable[[], MemoryDatabase] = MemoryDatabase
    calls: Callable[..., Any] = MemoryCallRepository
    jobs: Callable[..., Any] = MemoryJobQueue
    holds: Callable[..., Any] = MemoryHolds
    storage: Callable[..., Any] = MemoryStorage
    search: Callable[..., Any] = MemoryCallSearch
    receive: type[ReceiveRecording] = ReceiveRecording


class Lives(Protocol):
    """What every call of a process into an adapter goes through."""

    def through(self, adapter: object) -> Any: ...

    def die(self) -> None: ...


class SmallWorld:
    """The disk, the database and the clock: what outlives every process."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.database = parts.database()
        self.calls = parts.calls(self.database)
        self.jobs = parts.jobs(self.database, self.clock)
        self.holds = parts.holds(self.database, self.clock)
        self.storage = parts.storage()
        self.wake_ups = MemoryWakeUps()
        self.lease = Patience().lease
        self._numbers = itertools.count(1)

    def clock(self) -> datetime:
        return self.now

    def later(self, *, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def new_id(self) -> UUID:
        return UUID(int=(7 << 76) | (2 << 62) | next(self._numbers))

    def crash(self) -> None:
        """Take away what only looked as if it were on the disk."""
        for adapter in (self.storage, self.calls, self.jobs):
            if forget := getattr(adapter, "forget_unsynced", None):
                forget()

    @property
    def is_quiet(self) -> bool:
        return not self.database.holds and all(s.state is JobState.DONE for s in self.database.jobs.values())

    async def state(self) -> State:
        database = self.database
        steps = [(str(r.call_id), step) for r in database.recordings.values() for step in r.steps]
        found = [FindingRow(str(r.call_id), name) for r in database.recordings.values() for name in r.findings]
        files = {key: hashlib.sha256(data).hexdigest() for key, data in self.storage.files.items()}
        return State(
            calls=[
                CallRow(str(c.id), c.details.external_id, c.status, c.failure.code if c.failure else None)
                for c in database.calls.values()
            ],
            recordings=[RecordingRow(str(r.call_id), r.sha256, r.storage_key) for r in database.recordings.values()],
            steps=[StepRow(call_id, step.analyzer, step.status) for call_id, step in steps],
            findings=getattr(self.jobs, "finding_rows", found),
            jobs=[JobRow(str(s.job.id), str(s.job.call_id), s.state) for s in database.jobs.values()],
            events=[EventRow(str(e.id), str(e.call_id), e.type) for e in database.events],
            holds=list(database.holds),
            files=files,
            served={
                str(r.call_id): files[r.storage_key] for r in database.recordings.values() if r.storage_key in files
            },
            listed=[call_id async for call_id in self._listed()],
        )

    async def _listed(self) -> AsyncIterator[str]:
        search, request = self.parts.search(self.database, SnowballStemmer()), PageRequest(limit=2)
        while True:
            page = await search.page(CallFilter(), request)
            for call in page.items:
                yield str(call.id)
            if page.next_cursor is None:
                return
            request = PageRequest(limit=2, cursor=page.next_cursor)


@dataclass
class _Analyzer:
    """Finds how many bytes there are; poison ends the whole process."""

    name: str
    die: Callable[[], None]
    after: tuple[str, ...] = ()
    version: str = "1"

    async def analyze(self, audio: Audio) -> Finding:
        data = audio.path.read_bytes()
        if POISON in data:
            self.die()
        return Facts(values={"bytes": len(data)})


class _Unused(AudioDecoder, AudioSource):
    def decode(self, *_: object, **__: object) -> Any:
        raise NotImplementedError

    def fetch(self, url: str) -> Any:
        raise NotImplementedError


class Process:
    """The use cases of one process, which dies as a whole."""

    def __init__(self, world: SmallWorld, life: Lives) -> None:
        analyzers = Analyzers((_Analyzer("first", life.die), _Analyzer("second", life.die, after=("first",))))
        self._parts: dict[object, object] = {
            CallRepository: life.through(world.calls),
            JobQueue: life.through(world.jobs),
            IdempotencyKeys: MemoryIdempotencyKeys(world.database, world.clock),
            Uploads: MemoryUploads(world.database, world.clock),
            StepParts: MemoryStepParts(world.database, world.clock),
            Holds: life.through(world.holds),
            RecordingStorage: life.through(world.storage),
            WakeUps: life.through(world.wake_ups),
            IntakeSwitch: MemoryIntakeSwitch(world.database),
            Telemetry: MemoryTelemetry(),
            Analyzers: analyzers,
            AudioDecoder: _Unused(),
            AudioSource: _Unused(),
            UploadLimits: UploadLimits(),
            Patience: Patience(),
            Clock: world.clock,
            NewId: world.new_id,
            WorkerIsDead: lambda _worker: False,
        }
        self._parts[ControlIntake] = self._made(ControlIntake)
        self._parts[Seals] = Seals()
        self._parts[LinkOutside] = self._made(LinkOutside)
        self._parts[RunStep] = self._made(RunStep)
        self._parts[ReceiveRecording] = self._made(world.parts.receive)
        for kind in (MakeRedactedCopy, AttemptSteps, PullRecording):
            self._parts[kind] = self._made(kind)
        self.register = self._made(RegisterCall)
        self.attach = self._made(AttachRecording)
        self.ingest = self._made(IngestCall)
        self.erase = self._made(EraseCall)
        self.process = self._made(ProcessRecording)
        self.recover = self._made(RecoverWork)

    def _made(self, kind: type[T]) -> T:
        """Make a use case of what its fields name, as the container does."""
        return kind(**{part.name: self._parts[part.type] for part in fields(cast("Any", kind))})
