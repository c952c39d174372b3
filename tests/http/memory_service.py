"""The whole service in memory, as tests of the HTTP layer need it, with a worker that waits for nothing."""

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat
from dishka import STRICT_VALIDATION, AsyncContainer, Provider, Scope, make_async_container
from litestar import Litestar

from calls_adapters.ai.told import JobAnswers
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
    MemoryStorage,
    MemoryTelemetry,
    MemoryUploads,
    MemoryUsers,
    MemoryWakeUps,
)
from calls_adapters.security.passwords import BcryptPasswords
from calls_adapters.security.tokens import JwtTokens
from calls_adapters.snowball import SnowballStemmer
from calls_app.account_wiring import AccountUseCases
from calls_app.delivery_wiring import DeliveryUseCases
from calls_app.event_bodies import WireEventBodies
from calls_app.export_sheets import WireExportSheets
from calls_core.accounts import Role, User
from calls_core.accounts import Scope as Grant
from calls_core.audit import SYSTEM
from calls_core.call import Call
from calls_core.delivery import RetryPlan
from calls_core.destination import DestinationKind
from calls_core.errors import Reason
from calls_core.events import Event, EventId, EventType
from calls_core.findings import Finding
from calls_core.governance import RetentionRules
from calls_core.hearing import Hearing, Hears
from calls_core.job import Patience
from calls_core.ports import (
    Analyzer,
    Analyzers,
    AnswerReader,
    ApiKeys,
    AuditLog,
    CallRepository,
    CallSearch,
    Clock,
    Deliveries,
    Destinations,
    Erasures,
    EventBodies,
    EventFeed,
    Exports,
    ExportSheets,
    Holds,
    IdempotencyKeys,
    IntakeState,
    IntakeSwitch,
    LegalHolds,
    NewId,
    Passwords,
    RecordingStorage,
    Retention,
    Senders,
    SignInLimits,
    Stemmer,
    StepParts,
    Telemetry,
    Tokens,
    Uploads,
    Users,
    WakeUps,
)
from calls_core.recording import CallId, Recording
from calls_core.use_cases.answer_once import AnswerOnce
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.authenticate import Accounts
from calls_core.use_cases.build_export import BuildExport
from calls_core.use_cases.check_ingest import CheckIngest
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.erase_number import EraseNumber
from calls_core.use_cases.expire_calls import ExpireCalls
from calls_core.use_cases.hold_calls import HoldCalls
from calls_core.use_cases.ingest_call import IngestCall, PullCall
from calls_core.use_cases.link_outside import LinkOutside, Seals, TakeAnswer
from calls_core.use_cases.manage_accounts import ManageApiKeys, ManageUsers
from calls_core.use_cases.order_export import ExportRules, FetchExport, OrderExport
from calls_core.use_cases.read_calls import (
    ExportCalls,
    ExportChosen,
    GetCall,
    GetRecording,
    SearchCalls,
    SummarizeCalls,
)
from calls_core.use_cases.receive_recording import ReceiveRecording, UploadLimits
from calls_core.use_cases.register_call import ControlIntake, RegisterCall
from calls_core.use_cases.reprocess_call import ReprocessCall
from calls_core.use_cases.resume_upload import ResumeUpload
from calls_core.use_cases.tell_events import EventsKept, TellEvents
from calls_http.app import lend, litestar_app
from calls_http.bodies import Pace
from calls_http.callbacks import CallbackGuard
from calls_http.edge import Lingering
from calls_http.events import Streaming
from calls_http.health import Check, HealthChecks
from tests.http.made_up import SIGNAL, TRANSCRIPT, MemorySender, Named

MAX_UPLOAD_BYTES: Final = 1_000_000
STARTED: Final = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SECRET: Final = b"a secret that only these tests know"


@dataclass
class MemoryService:
    """One of everything. *checks* are those of ``/health/ready``."""

    analyzers: tuple[Analyzer, ...] = (Named("signal"), Named("words"))
    checks: dict[str, Check] = field(default_factory=dict)
    optional_checks: dict[str, Check] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    lingering: Lingering = field(default_factory=Lingering)
    streaming: Streaming = field(default_factory=lambda: Streaming(lifetime_sec=0.1))
    max_upload_bytes: int = MAX_UPLOAD_BYTES
    accounts: bool = False
    seals: Seals = field(default_factory=lambda: Seals("k" * 32, "http://testserver"))
    guard: CallbackGuard = field(default_factory=CallbackGuard)
    others_hear: Hears = Hears.ORIGINAL
    export_rules: ExportRules = field(default_factory=ExportRules)
    retention: RetentionRules = field(default_factory=RetentionRules)

    def __post_init__(self) -> None:
        self.now = STARTED
        self.database = MemoryDatabase()
        self.calls = MemoryCallRepository(self.database)
        self.storage: RecordingStorage = MemoryStorage()
        self.search: CallSearch = MemoryCallSearch(self.database, SnowballStemmer())
        self.jobs = MemoryJobQueue(self.database, self.clock)
        self.feed = MemoryEventFeed(self.database, self.clock)
        self.destinations = MemoryDestinations(self.database)
        self.bodies = WireEventBodies(self.calls, self.destinations, Hearing(self.others_hear))
        self.tell = TellEvents(self.feed, self.bodies)
        self.sender = MemorySender()
        self.wake_ups = MemoryWakeUps()
        self.telemetry = MemoryTelemetry()

    def forget(self) -> None:
        """Be as new; bytes in the storage stay, but nothing leads to them any more."""
        self.now = STARTED
        database = self.database
        for kept in (
            database.calls,
            database.recordings,
            database.jobs,
            database.holds,
            database.events,
            database.feed,
            database.destinations,
            database.deliveries,
            database.keys,
            database.exports,
            database.erasures,
            database.audit,
            database.users,
            database.sessions,
            database.api_keys,
            database.attempts,
            database.uploads,
        ):
            kept.clear()
        database.intake = IntakeState()
        self.wake_ups.sent.clear()
        self.checks.clear()
        self.optional_checks.clear()

    def clock(self) -> datetime:
        return self.now

    async def add_user(self, username: str, role: Role, password: str = "correct horse") -> User:
        manage = await self.made.get(ManageUsers)
        return await manage.add(username, password, role, SYSTEM)

    async def add_key(self, *scopes: Grant) -> str:
        """Return the secret of a new API key."""
        manage = await self.made.get(ManageApiKeys)
        return (await manage.add("a key", frozenset(scopes), SYSTEM))[1]

    def container(self) -> AsyncContainer:
        parts = Provider(scope=Scope.APP)
        for port, adapter in {
            CallRepository: self.calls,
            CallSearch: self.search,
            EventFeed: self.feed,
            EventBodies: self.bodies,
            Destinations: self.destinations,
            Deliveries: MemoryDeliveries(self.database, self.clock),
            Stemmer: SnowballStemmer(),
            Senders: dict.fromkeys(DestinationKind, self.sender),
            LegalHolds: MemoryLegalHolds(self.database),
            Retention: MemoryRetention(self.database),
            RetentionRules: self.retention,
            RetryPlan: RetryPlan(),
            EventsKept: EventsKept(timedelta(days=30)),
            Erasures: MemoryErasures(self.database),
            Exports: MemoryExports(self.database, self.clock),
            ExportSheets: WireExportSheets(),
            ExportRules: self.export_rules,
            Holds: MemoryHolds(self.database, self.clock),
            IdempotencyKeys: MemoryIdempotencyKeys(self.database, self.clock),
            IntakeSwitch: MemoryIntakeSwitch(self.database),
            Uploads: MemoryUploads(self.database, self.clock),
            RecordingStorage: self.storage,
            WakeUps: self.wake_ups,
            Telemetry: self.telemetry,
            Analyzers: Analyzers(self.analyzers),
            Patience: Patience(),
            Users: MemoryUsers(self.database),
            ApiKeys: MemoryApiKeys(self.database),
            AuditLog: MemoryAuditLog(self.database),
            SignInLimits: MemorySignInLimits(self.database, self.clock),
            Passwords: BcryptPasswords(SECRET, cost=4),
            Tokens: JwtTokens(SECRET, self.clock),
            Accounts: Accounts(enabled=self.accounts),
            Hearing: Hearing(self.others_hear),
            UploadLimits: UploadLimits(max_bytes=self.max_upload_bytes),
            Clock: self.clock,
            StepParts: MemoryStepParts(self.database, self.clock),
            AnswerReader: JobAnswers(),
            Seals: self.seals,
            CallbackGuard: self.guard,
            NewId: uuid_utils.compat.uuid7,
        }.items():
            parts.provide(_giving(adapter), provides=port)
        use_cases = Provider(scope=Scope.APP)
        use_cases.provide_all(
            AnswerOnce,
            AttachRecording,
            BuildExport,
            EraseNumber,
            ExpireCalls,
            HoldCalls,
            ControlIntake,
            EraseCall,
            ExportCalls,
            ExportChosen,
            FetchExport,
            GetCall,
            GetRecording,
            CheckIngest,
            IngestCall,
            LinkOutside,
            OrderExport,
            PullCall,
            ReceiveRecording,
            RegisterCall,
            ReprocessCall,
            ResumeUpload,
            SearchCalls,
            SummarizeCalls,
            TakeAnswer,
        )
        return make_async_container(
            parts, use_cases, AccountUseCases(), DeliveryUseCases(), validation_settings=STRICT_VALIDATION
        )

    def app(self, routes: Litestar | None = None) -> Litestar:
        """Return the application. *routes* of another one save making them, where its limits and checks will do."""
        app = copy(routes or self.routes())
        self.made = self.container()
        lend(self.made, app)
        return app

    def routes(self) -> Litestar:
        async def checks() -> HealthChecks:
            return HealthChecks(self.checks, self.optional_checks)

        return litestar_app(
            health_checks=checks,
            max_upload_bytes=self.max_upload_bytes,
            telemetry=self.telemetry,
            expose_metrics=_no_metrics,
            pace=self.pace,
            lingering=self.lingering,
            streaming=self.streaming,
            accounts=self.accounts,
        )

    async def finish(
        self, call_id: str | UUID, findings: Mapping[str, Finding | Reason] | None = None
    ) -> tuple[Call, Recording]:
        """Do what a worker would: end every step with what is given, or else with ``SIGNAL`` and ``TRANSCRIPT``."""
        claim = await self.jobs.claim("test", timedelta(minutes=1))
        assert claim is not None
        key = CallId(UUID(str(call_id)))
        recording = await self.calls.recording(key)
        for name, finding in (findings or {"signal": SIGNAL, "words": TRANSCRIPT}).items():
            recording = recording.begin(name, self.now)
            if isinstance(finding, Reason):
                recording = recording.fail(name, finding, self.now)
            else:
                recording = recording.complete(name, finding, self.now)
        call = (await self.calls.get(key)).finish_processing(recording, self.now)
        done = Event(
            id=EventId(uuid_utils.compat.uuid7()), type=EventType.CALL_READY, call_id=call.id, occurred_at=self.now
        )
        fresh = [step.analyzer for step in recording.steps]
        await self.jobs.finish(claim, call, recording, [done], fresh=fresh)
        return call, recording


async def _no_metrics(_accept: str) -> tuple[bytes, str]:
    return b"# EOF\n", "text/plain; version=0.0.4; charset=utf-8"


def _giving(value: Any) -> Any:
    return lambda: value
