"""The use cases over in-memory adapters, with a clock that tests move and analyzers that do as they are told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from calls_adapters.memory import (
    MemoryCallRepository,
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
from calls_core.call import Call, CallDetails
from calls_core.findings import Facts, Finding
from calls_core.job import Patience
from calls_core.ports import Analyzers, Audio, AudioDecoder, AudioSource
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.attempt_steps import AttemptSteps
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.ingest_call import IngestCall, PullCall
from calls_core.use_cases.link_outside import LinkOutside, Seals
from calls_core.use_cases.make_redacted_copy import MakeRedactedCopy
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.pull_recording import PullRecording
from calls_core.use_cases.receive_recording import ReceiveRecording, UploadLimits
from calls_core.use_cases.recover_work import RecoverWork
from calls_core.use_cases.register_call import ControlIntake, RegisterCall
from calls_core.use_cases.reprocess_call import ReprocessCall
from calls_core.use_cases.run_step import RunStep

FACTS = Facts(values={"found": True})


@dataclass
class Scripted:
    """An analyzer that does what *act* says; by default it finds `FACTS`. It remembers how often it was asked."""

    name: str = "scripted"
    after: tuple[str, ...] = ()
    act: Callable[[Audio], Awaitable[Any]] | None = None
    version: str = "1"
    runs: int = 0

    async def analyze(self, audio: Audio) -> Finding:
        self.runs += 1
        return FACTS if self.act is None else await self.act(audio)

    def raises(self, error: BaseException) -> "Scripted":
        async def fail(_: Audio) -> Finding:
            raise error

        self.act = fail
        return self


class NoDecoder(AudioDecoder):
    def decode(self, *_: object, **__: object) -> Any:
        raise NotImplementedError


@dataclass
class ScriptedSource(AudioSource):
    pieces: list[bytes] = field(default_factory=lambda: [b"RIFF", b"data"])
    error: Exception | None = None

    @asynccontextmanager
    async def fetch(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        if self.error:
            raise self.error
        yield chunks(*self.pieces)


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


class Scene:
    """One service without a server."""

    def __init__(self, *analyzers: Scripted, max_bytes: int = 100, decoder: AudioDecoder | None = None) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.dead: set[str] = set()
        self.database = MemoryDatabase()
        self.calls = MemoryCallRepository(self.database)
        self.jobs = MemoryJobQueue(self.database, self.clock)
        self.holds = MemoryHolds(self.database, self.clock)
        self.storage = MemoryStorage()
        self.wake_ups = MemoryWakeUps()
        self.telemetry = MemoryTelemetry()
        self.source = ScriptedSource()
        self.analyzers = Analyzers(analyzers or (Scripted(),))
        intake = ControlIntake(MemoryIntakeSwitch(self.database))
        self.intake = intake
        self.receive = ReceiveRecording(
            self.storage, self.holds, UploadLimits(max_bytes), Patience(), uuid4, self.telemetry
        )
        self.register = RegisterCall(self.calls, self.clock, uuid4)
        shared = (self.calls, self.receive, self.analyzers, self.wake_ups)
        self.attach = AttachRecording(*shared, self.clock, uuid4, self.telemetry)
        self.ingest = IngestCall(*shared, intake, self.clock, uuid4, self.telemetry)
        self.pull = PullCall(self.calls, self.wake_ups, intake, self.clock, uuid4, self.telemetry)
        self.erase = EraseCall(self.calls, self.storage, self.holds, self.clock, uuid4)
        self.reprocess = ReprocessCall(self.calls, self.analyzers, self.wake_ups, self.clock, uuid4, self.telemetry)
        self.seals = Seals("k" * 32, "https://calls.example")
        self.parts = MemoryStepParts(self.database, self.clock)
        decoder = decoder or NoDecoder()
        attempt_steps = AttemptSteps(
            self.jobs,
            self.parts,
            self.storage,
            RunStep(self.analyzers, decoder),
            LinkOutside(self.seals, self.calls, self.storage, self.clock),
            MakeRedactedCopy(self.jobs, self.receive, decoder),
            self.analyzers,
            Patience(),
            self.clock,
            self.telemetry,
        )
        pull = PullRecording(self.jobs, self.receive, self.source, self.analyzers, self.clock, uuid4, self.telemetry)
        self.process = ProcessRecording(
            self.jobs,
            self.parts,
            self.calls,
            pull,
            attempt_steps,
            self.analyzers,
            Patience(),
            self.clock,
            uuid4,
            self.telemetry,
        )
        self.recover = RecoverWork(
            self.jobs,
            self.calls,
            self.holds,
            MemoryIdempotencyKeys(self.database, self.clock),
            MemoryUploads(self.database, self.clock),
            self.storage,
            self.wake_ups,
            self.is_dead,
            Patience(),
            self.clock,
            uuid4,
            self.telemetry,
        )

    def is_dead(self, worker: str) -> bool:
        return worker in self.dead

    def clock(self) -> datetime:
        return self.now

    def later(self, **duration: float) -> None:
        self.now += timedelta(**duration)

    def details(self, **changed: Any) -> CallDetails:
        return CallDetails.checked(**({"caller": "+7900", "receiver": "101", "started_at": self.now} | changed))

    async def uploaded(self) -> Call:
        """A call whose recording waits to be processed."""
        call = (await self.register(self.details())).call
        await self.attach(call.id, "a.wav", chunks(b"RIFF", b"data"))
        return await self.calls.get(call.id)

    async def work_until_idle(self, **pause: float) -> int:
        """Process whatever is due, letting *pause* go by after each job; return how many jobs were taken."""
        taken = 0
        while await self.process("worker"):
            taken += 1
            self.later(**pause)
        return taken

    @property
    def event_types(self) -> list[str]:
        return [event.type.value for event in self.database.events]


@pytest.fixture
def scene() -> Callable[..., Scene]:
    return Scene
