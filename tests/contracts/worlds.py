"""One set of adapters over one state, whatever is behind it, and calls, recordings and jobs to put into it."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete, select

from calls_adapters.memory import (
    MemoryApiKeys,
    MemoryAuditLog,
    MemoryCallRepository,
    MemoryCallSearch,
    MemoryDatabase,
    MemoryDeliveries,
    MemoryDestinations,
    MemoryErasures,
    MemoryEventFeed,
    MemoryExports,
    MemoryHolds,
    MemoryIdempotencyKeys,
    MemoryIntakeSwitch,
    MemoryJobQueue,
    MemoryLegalHolds,
    MemoryRetention,
    MemorySignInLimits,
    MemoryStepParts,
    MemoryUploads,
    MemoryUsers,
)
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import (
    Database,
    SqlApiKeys,
    SqlAuditLog,
    SqlCallRepository,
    SqlCallSearch,
    SqlDeliveries,
    SqlDestinations,
    SqlErasures,
    SqlEventFeed,
    SqlExports,
    SqlHolds,
    SqlIdempotencyKeys,
    SqlIntakeSwitch,
    SqlJobQueue,
    SqlLegalHolds,
    SqlRetention,
    SqlSignInLimits,
    SqlStepParts,
    SqlUploads,
    SqlUsers,
)
from calls_adapters.sql.tables.accounts import api_keys, sign_in_attempts, users
from calls_adapters.sql.tables.arrivals import holds, idempotency_keys, intake, uploads
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.deliveries import destinations, events
from calls_adapters.sql.tables.governance import audit, erasures, exports
from calls_core.call import Call, CallDetails
from calls_core.events import Event, EventId, EventType
from calls_core.findings import Facts, Finding, Peaks, Segment, Signal, SilenceMark, Transcript, Word
from calls_core.job import Claim, Job
from calls_core.ports import (
    Acceptance,
    ApiKeys,
    AuditLog,
    CallRepository,
    CallSearch,
    Deliveries,
    Destinations,
    Erasures,
    EventFeed,
    Exports,
    Holds,
    IdempotencyKeys,
    IntakeSwitch,
    JobQueue,
    LegalHolds,
    Retention,
    SignInLimits,
    StepParts,
    Uploads,
    Users,
)
from calls_core.recording import CallId, Recording, RecordingId, StepPlan

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STEMMER = SnowballStemmer()
PLAN = (StepPlan(analyzer="signal", version="1"), StepPlan(analyzer="ai", version="2.1", after=("signal",)))

SIGNAL = Signal(
    duration_sec=2.5,
    codec="pcm_mulaw",
    channels=2,
    sample_rate_hz=8000,
    silence_marks=(SilenceMark(start_sec=0.5, end_sec=1.25), SilenceMark(start_sec=0.0, end_sec=2.0, channel=1)),
    levels_dbfs=((-20.5, -30.0, -96.0), (-40.0, -96.0, -96.0)),
    peaks=Peaks(channels=2, sample_rate_hz=8000, samples_per_point=80, data=bytes(range(256))),
)
TRANSCRIPT = Transcript(
    text="Добрый день!  It costs 5 %.",
    segments=(
        Segment(
            start_sec=0.0,
            end_sec=1.5,
            text="Добрый день!",
            channel=0,
            words=(Word(text="Добрый", start_sec=0.0, end_sec=0.75), Word(text="день!", start_sec=0.8, end_sec=1.5)),
        ),
    ),
    language="ru",
)
FACTS = Facts(values={"mood": "good", "topics": ["price", None], "score": {"of": 0.5, "sure": True}})


class FakeClock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


async def _nothing() -> None:
    pass


@dataclass
class World:
    calls: CallRepository
    search: CallSearch
    jobs: JobQueue
    parts: StepParts
    holds: Holds
    keys: IdempotencyKeys
    feed: EventFeed
    exports: Exports
    legal_holds: LegalHolds
    retention: Retention
    erasures: Erasures
    uploads: Uploads
    destinations: Destinations
    deliveries: Deliveries
    intake: IntakeSwitch
    users: Users
    api_keys: ApiKeys
    audit: AuditLog
    limits: SignInLimits
    clock: FakeClock
    events: Callable[[], Awaitable[Sequence[Event]]]
    receipts: Callable[[], Awaitable[Sequence[CallId]]]
    clear: Callable[[], Awaitable[None]] = _nothing
    close: Callable[[], Awaitable[None]] = _nothing
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def new_id(self) -> UUID:
        """Later ones are greater, as in production."""
        return UUID(int=(7 << 76) | (2 << 62) | next(self.numbers))

    def new_call(self, **details: Any) -> Call:
        known: dict[str, Any] = {"caller": "+7 900 123-45-67", "receiver": "102", "started_at": self.clock.now}
        return Call(
            id=CallId(self.new_id()),
            details=CallDetails.checked(**(known | details)),
            created_at=self.clock.now,
            updated_at=self.clock.now,
        )

    def event(self, call_id: CallId, kind: EventType = EventType.CALL_CREATED) -> Event:
        return Event(id=EventId(self.new_id()), type=kind, call_id=call_id, occurred_at=self.clock.now)

    def recording(self, call_id: CallId, plan: Sequence[StepPlan] = PLAN) -> Recording:
        made = Recording(
            id=RecordingId(self.new_id()),
            call_id=call_id,
            filename="звонок №1.wav",
            media_type="audio/wav",
            size_bytes=5_000_000_000,
            sha256="ab" * 32,
            storage_key=f"ab/{uuid4().hex}",
            created_at=self.clock.now,
            updated_at=self.clock.now,
        )
        return made.reset(plan, (), self.clock.now, force=False)

    def job(self, call_id: CallId, **changes: Any) -> Job:
        return replace(Job.new(self.new_id(), call_id, self.clock.now), **changes)

    async def added(self, **details: Any) -> Call:
        call = self.new_call(**details)
        return await self.calls.add(call, [self.event(call.id)])

    async def acceptance(self, call: Call, plan: Sequence[StepPlan] = PLAN) -> Acceptance:
        """An acceptance for *call*, whose bytes are on hold."""
        recording = self.recording(call.id, plan)
        await self.holds.hold(recording.storage_key, MINUTE)
        return Acceptance(
            call=call.begin_processing(self.clock.now),
            recording=recording,
            job=self.job(call.id),
            events=[self.event(call.id, EventType.RECORDING_ATTACHED)],
            held_key=recording.storage_key,
        )

    async def attached(self, plan: Sequence[StepPlan] = PLAN, **details: Any) -> Acceptance:
        """A call with a recording and a job that is due."""
        acceptance = await self.acceptance(await self.added(**details), plan)
        await self.calls.attach(acceptance)
        return acceptance

    async def claimed(self, worker: str = "w1") -> Claim:
        claim = await self.jobs.claim(worker, MINUTE)
        assert claim is not None
        return claim

    async def finished(self, findings: dict[str, Finding], plan: Sequence[StepPlan] = PLAN, **details: Any) -> Call:
        """A call that was processed, with these findings."""
        acceptance = await self.attached(plan, **details)
        claim = await self.claimed()
        recording = acceptance.recording
        for analyzer, finding in findings.items():
            recording = recording.begin(analyzer, self.clock.now).complete(analyzer, finding, self.clock.now)
        call = acceptance.call.finish_processing(recording, self.clock.now)
        await self.jobs.finish(claim, call, recording, [self.event(call.id, EventType.CALL_READY)], fresh=findings)
        return call


@contextmanager
def standing_world(database_url: str | None) -> Iterator[tuple[World, Callable[[Awaitable[Any]], Any]]]:
    """Lend a world, and what runs a coroutine in it, to tests that have no event loop of their own."""

    async def made() -> World:
        return memory_world() if database_url is None else sql_world(database_url)

    with asyncio.Runner() as runner:

        def run(work: Awaitable[Any]) -> Any:
            async def awaited() -> Any:
                return await work

            return runner.run(awaited())

        world = run(made())
        try:
            yield world, run
        finally:
            run(world.close())


def memory_world() -> World:
    state, clock = MemoryDatabase(), FakeClock()

    async def all_events() -> Sequence[Event]:
        return list(state.events)

    async def receipts() -> Sequence[CallId]:
        return [entry.call_id for entry in state.audit if entry.call_id]

    async def clear() -> None:
        for rows in (
            state.calls,
            state.recordings,
            state.jobs,
            state.events,
            state.holds,
            state.audit,
            state.keys,
            state.feed,
            state.exports,
            state.erasures,
            state.parts,
            state.uploads,
            state.destinations,
            state.deliveries,
        ):
            rows.clear()  # type: ignore[attr-defined]

    return World(
        calls=MemoryCallRepository(state),
        search=MemoryCallSearch(state, STEMMER),
        jobs=MemoryJobQueue(state, clock),
        parts=MemoryStepParts(state, clock),
        holds=MemoryHolds(state, clock),
        keys=MemoryIdempotencyKeys(state, clock),
        exports=MemoryExports(state, clock),
        legal_holds=MemoryLegalHolds(state),
        retention=MemoryRetention(state),
        erasures=MemoryErasures(state),
        uploads=MemoryUploads(state, clock),
        feed=MemoryEventFeed(state, clock),
        destinations=MemoryDestinations(state),
        deliveries=MemoryDeliveries(state, clock),
        intake=MemoryIntakeSwitch(state),
        users=MemoryUsers(state),
        api_keys=MemoryApiKeys(state),
        audit=MemoryAuditLog(state),
        limits=MemorySignInLimits(state, clock),
        clock=clock,
        events=all_events,
        receipts=receipts,
        clear=clear,
    )


def sql_world(url: str) -> World:
    clock = FakeClock()
    database = Database(url, clock=clock)

    async def all_events() -> Sequence[Event]:
        async with database.one() as connection:
            rows = (await connection.execute(select(events))).all()
        return [
            Event(id=row.id, type=EventType(row.type), call_id=row.call_id, occurred_at=row.occurred_at) for row in rows
        ]

    async def receipts() -> Sequence[CallId]:
        async with database.one() as connection:
            return [row.call_id for row in await connection.execute(select(audit))]

    async def clear() -> None:
        async with database.write() as connection:
            # The rest goes with calls, destinations and users.
            for table in (
                calls,
                events,
                destinations,
                holds,
                audit,
                intake,
                idempotency_keys,
                exports,
                erasures,
                uploads,
                users,
                api_keys,
                sign_in_attempts,
            ):
                await connection.execute(delete(table))

    return World(
        calls=SqlCallRepository(database),
        search=SqlCallSearch(database, STEMMER),
        jobs=SqlJobQueue(database, STEMMER),
        parts=SqlStepParts(database),
        holds=SqlHolds(database),
        keys=SqlIdempotencyKeys(database),
        feed=SqlEventFeed(database),
        exports=SqlExports(database),
        legal_holds=SqlLegalHolds(database),
        retention=SqlRetention(database),
        erasures=SqlErasures(database),
        uploads=SqlUploads(database),
        destinations=SqlDestinations(database),
        deliveries=SqlDeliveries(database),
        intake=SqlIntakeSwitch(database),
        users=SqlUsers(database),
        api_keys=SqlApiKeys(database),
        audit=SqlAuditLog(database),
        limits=SqlSignInLimits(database, clock),
        clock=clock,
        events=all_events,
        receipts=receipts,
        clear=clear,
        close=database.close,
    )
