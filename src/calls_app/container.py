"""Wiring: the only module that knows which adapter stands behind which port."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import uuid_utils.compat
from dishka import (
    STRICT_VALIDATION,
    AsyncContainer,
    Provider,
    Scope,
    from_context,
    make_async_container,
    provide,
    provide_all,
)
from prometheus_client import CollectorRegistry

from calls_adapters.ai.told import JobAnswers
from calls_adapters.audio.decoder import ChildDecoder, DecoderLimits
from calls_adapters.outbound.addresses import AddressPolicy
from calls_adapters.plugins import Plugin, choose_analyzers, load_plugins
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql.calls import SqlCallRepository
from calls_adapters.sql.database import Database
from calls_adapters.sql.deliveries import SqlDeliveries
from calls_adapters.sql.destinations import SqlDestinations
from calls_adapters.sql.feed import SqlEventFeed
from calls_adapters.sql.holds import SqlHolds
from calls_adapters.sql.intake import SqlIntakeSwitch
from calls_adapters.sql.jobs import SqlJobQueue
from calls_adapters.sql.keys import SqlIdempotencyKeys
from calls_adapters.sql.parts import SqlStepParts
from calls_adapters.sql.search import SqlCallSearch
from calls_adapters.sql.uploads import SqlUploads
from calls_adapters.storage.local import LocalStorage
from calls_adapters.taskiq.broker import WakeUpBroker
from calls_adapters.taskiq.wake_ups import TaskiqWakeUps, make_broker
from calls_adapters.telemetry.prometheus import PrometheusTelemetry
from calls_adapters.telemetry.readings import ReadingsCollector
from calls_adapters.telemetry.tracing import LogContextOnly, Tracing
from calls_app.account_wiring import AccountAdapters, AccountUseCases
from calls_app.checks import PartChecks
from calls_app.event_bodies import WireEventBodies
from calls_app.governance_wiring import GovernanceAdapters, GovernanceUseCases
from calls_app.liveness import liveness, worker_name
from calls_app.notifier import Notifier
from calls_app.scrape import Scrape
from calls_app.senders import LateSenders
from calls_app.settings import Settings, SettingsError
from calls_app.worker import Worker
from calls_core.delivery import RetryPlan
from calls_core.hearing import Hearing
from calls_core.hookspecs import AiService, AnalysisOptions
from calls_core.job import Patience
from calls_core.ports import (
    Analyzers,
    AnswerReader,
    AudioDecoder,
    AudioSource,
    CallRepository,
    CallSearch,
    Clock,
    Deliveries,
    Destinations,
    EventBodies,
    EventFeed,
    Holds,
    IdempotencyKeys,
    IntakeSwitch,
    JobQueue,
    NewId,
    RecordingStorage,
    Senders,
    Stemmer,
    StepParts,
    Telemetry,
    Uploads,
    WakeUps,
    WorkerIsDead,
)
from calls_core.use_cases.analyze_file import AnalyzeFile
from calls_core.use_cases.answer_once import AnswerOnce
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.attempt_steps import AttemptSteps
from calls_core.use_cases.deliver_events import DeliverEvent
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.ingest_call import IngestCall, PullCall
from calls_core.use_cases.link_outside import LinkOutside, Seals, TakeAnswer
from calls_core.use_cases.make_redacted_copy import MakeRedactedCopy
from calls_core.use_cases.manage_destinations import ManageDeliveries, ManageDestinations
from calls_core.use_cases.process_recording import ProcessRecording
from calls_core.use_cases.pull_recording import PullRecording
from calls_core.use_cases.read_calls import (
    ExportCalls,
    ExportChosen,
    GetCall,
    GetRecording,
    SearchCalls,
    SummarizeCalls,
)
from calls_core.use_cases.receive_recording import ReceiveRecording, UploadLimits
from calls_core.use_cases.recover_work import RecoverWork
from calls_core.use_cases.register_call import ControlIntake, RegisterCall
from calls_core.use_cases.reprocess_call import ReprocessCall
from calls_core.use_cases.resume_upload import ResumeUpload
from calls_core.use_cases.run_step import RunStep
from calls_core.use_cases.tell_events import EventsKept, FollowEvents, ForgetEvents, ReadEvents, TellEvents
from calls_http.callbacks import CallbackGuard
from calls_http.docs_pages import installed_version


class UseCases(Provider):
    """Nothing here holds a connection, so one instance of each serves the whole process."""

    scope = Scope.APP
    use_cases = provide_all(
        AnalyzeFile,
        AnswerOnce,
        AttachRecording,
        AttemptSteps,
        ControlIntake,
        DeliverEvent,
        EraseCall,
        ExportCalls,
        ExportChosen,
        FollowEvents,
        ForgetEvents,
        GetCall,
        GetRecording,
        IngestCall,
        LinkOutside,
        MakeRedactedCopy,
        ManageDeliveries,
        ManageDestinations,
        ProcessRecording,
        PullCall,
        PullRecording,
        ReadEvents,
        ReceiveRecording,
        RecoverWork,
        RegisterCall,
        ReprocessCall,
        ResumeUpload,
        PartChecks,
        RunStep,
        Scrape,
        SearchCalls,
        SummarizeCalls,
        TakeAnswer,
        TellEvents,
    )


class Adapters(Provider):
    scope = Scope.APP
    settings = from_context(Settings)

    calls = provide(SqlCallRepository, provides=CallRepository)
    destinations = provide(SqlDestinations, provides=Destinations)
    deliveries = provide(SqlDeliveries, provides=Deliveries)
    feed = provide(SqlEventFeed, provides=EventFeed)
    bodies = provide(WireEventBodies, provides=EventBodies)
    jobs = provide(SqlJobQueue, provides=JobQueue)
    parts = provide(SqlStepParts, provides=StepParts)
    stemmer = provide(SnowballStemmer, provides=Stemmer)
    holds = provide(SqlHolds, provides=Holds)
    keys = provide(SqlIdempotencyKeys, provides=IdempotencyKeys)
    uploads = provide(SqlUploads, provides=Uploads)
    intake = provide(SqlIntakeSwitch, provides=IntakeSwitch)
    wake_ups = provide(TaskiqWakeUps, provides=WakeUps)
    readings = provide(ReadingsCollector)
    answers = provide(JobAnswers, provides=AnswerReader)

    @provide
    async def database(self, settings: Settings) -> AsyncIterator[Database]:
        try:
            database = Database(settings.database_url)
        except ValueError as error:
            raise SettingsError(str(error)) from None
        yield database
        await database.close()

    @provide
    async def broker(self, settings: Settings) -> AsyncIterator[WakeUpBroker]:
        try:
            broker = make_broker(settings.wake_ups_url)
        except ValueError as error:
            raise SettingsError(f"{'BROKER_URL' if settings.broker_url else 'REDIS_URL'}: {error}") from None
        yield broker
        await broker.close()

    @provide
    async def storage(self, settings: Settings) -> AsyncIterator[RecordingStorage]:
        if not settings.s3_enabled:
            yield LocalStorage(settings.recordings_dir)
            return
        from calls_adapters.storage.s3 import open_s3_storage  # noqa: PLC0415 (large, and needed by few)
        from calls_app.buckets import s3_place  # noqa: PLC0415 (as above)

        async with open_s3_storage(s3_place(settings, settings.s3_bucket)) as storage:
            yield storage

    @provide
    def decoder(self, options: AnalysisOptions) -> AudioDecoder:
        return ChildDecoder(DecoderLimits(max_duration_sec=options.max_duration_sec))

    @provide
    def addresses(self, settings: Settings) -> AddressPolicy:
        try:
            return AddressPolicy.parsed(settings.allowed_cidrs)
        except ValueError as error:
            raise SettingsError(f"WEBHOOK_ALLOW_CIDRS: {error}") from None

    @provide
    def source(self, policy: AddressPolicy) -> AudioSource:
        from calls_adapters.outbound.source import HttpAudioSource  # noqa: PLC0415 (HTTP clients are slow to load)

        return HttpAudioSource(policy)

    @provide
    async def senders(
        self,
        settings: Settings,
        policy: AddressPolicy,
        calls: CallRepository,
        storage: RecordingStorage,
        clock: Clock,
    ) -> AsyncIterator[Senders]:
        late = LateSenders(settings, policy, calls, storage, clock)
        yield Senders(late)
        await late.close()

    @provide
    def search(self, database: Database, stemmer: Stemmer) -> CallSearch:
        return SqlCallSearch(database, stemmer)

    @provide
    def retry_plan(self, settings: Settings) -> RetryPlan:
        return RetryPlan(settings.webhook_retry_scale)

    @provide
    def events_kept(self, settings: Settings) -> EventsKept:
        return EventsKept(timedelta(days=settings.events_keep_days))

    @provide
    def limits(self, settings: Settings) -> UploadLimits:
        return UploadLimits(max_bytes=settings.max_upload_bytes)

    @provide
    def seals(self, settings: Settings) -> Seals:
        lifetime = timedelta(seconds=settings.ai_link_sec)
        secret = settings.ai_link_secret if settings.ai_protocol == "async" else ""
        return Seals(secret, settings.public_base_url.rstrip("/"), lifetime)

    @provide
    def callback_guard(self, settings: Settings) -> CallbackGuard:
        return CallbackGuard(settings.ai_callback_auth, settings.ai_callback_name, settings.ai_callback_secret)

    @provide
    def patience(self, settings: Settings) -> Patience:
        return Patience(timedelta(seconds=settings.lease_sec))

    @provide
    def is_dead(self, settings: Settings) -> WorkerIsDead:
        return liveness(settings)

    @provide
    def hearing(self, settings: Settings) -> Hearing:
        return Hearing(settings.others_hear)

    @provide
    def options(self, settings: Settings) -> AnalysisOptions:
        return analysis_options(settings)

    @provide
    def plugins(self, options: AnalysisOptions) -> tuple[Plugin, ...]:
        return load_plugins(options)

    @provide
    def analyzers(self, settings: Settings, plugins: tuple[Plugin, ...]) -> Analyzers:
        try:
            return Analyzers(choose_analyzers(plugins, settings.analyzer_names))
        except ValueError as error:
            raise SettingsError(str(error)) from None

    @provide
    def registry(self) -> CollectorRegistry:
        return CollectorRegistry()

    @provide
    def tracing(self, settings: Settings) -> Iterator[Tracing]:
        tracing: Tracing = LogContextOnly()
        if settings.otel_exporter_otlp_endpoint:
            from calls_adapters.telemetry.opentelemetry import (  # noqa: PLC0415 (the SDK is slow to load)
                OpenTelemetryTracing,
                otlp_exporter,
            )

            exporter = otlp_exporter(settings.otel_exporter_otlp_endpoint)
            tracing = OpenTelemetryTracing(settings.app_name, installed_version(), exporter)
        yield tracing
        tracing.close()

    @provide
    def telemetry(self, registry: CollectorRegistry, tracing: Tracing) -> Telemetry:
        return PrometheusTelemetry(registry, tracing, installed_version())

    @provide
    def clock(self) -> Clock:
        return lambda: datetime.now(UTC)

    @provide
    def new_id(self) -> NewId:
        return uuid_utils.compat.uuid7

    @provide
    def worker(
        self, process: ProcessRecording, recover: RecoverWork, broker: WakeUpBroker, settings: Settings
    ) -> Worker:
        return Worker(process, recover, broker, settings.worker_concurrency, worker_name())

    @provide
    def notifier(self, tell: TellEvents, deliver: DeliverEvent, is_dead: WorkerIsDead) -> Notifier:
        return Notifier(tell, deliver, is_dead, worker_name())


def analysis_options(settings: Settings) -> AnalysisOptions:
    """Return what analyzers are told of *settings*."""
    service = AiService(
        base_url=settings.ai_endpoint,
        api_key=settings.ai_api_key,
        model=settings.ai_model,
        language=settings.ai_language or None,
        timeout_sec=settings.ai_timeout_sec,
        max_piece_sec=settings.ai_max_piece_sec,
        max_upload_bytes=settings.ai_max_upload_bytes,
        max_answer_bytes=settings.ai_max_answer_bytes,
        protocol=settings.ai_protocol,
        poll_sec=settings.ai_poll_sec,
    )
    return AnalysisOptions(
        silence_threshold_dbfs=settings.silence_threshold_dbfs,
        silence_min_sec=settings.silence_min_sec,
        max_duration_sec=settings.max_duration_sec,
        ai=service if settings.ai_base_url else None,
    )


def make_container(settings: Settings, *overrides: Provider) -> AsyncContainer:
    """Wire the application. Tests replace adapters with ``override=True`` providers."""
    use_cases = (UseCases(), AccountUseCases(), GovernanceUseCases())
    ours = (*use_cases, Adapters(), AccountAdapters(), GovernanceAdapters())
    return make_async_container(*ours, *overrides, context={Settings: settings}, validation_settings=STRICT_VALIDATION)
