"""Wiring: which adapter stands behind which port. Modules beside it named ``*_wiring`` do so for one subject each."""

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

from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql.calls import SqlCallRepository
from calls_adapters.sql.database import Database
from calls_adapters.sql.holds import SqlHolds
from calls_adapters.sql.intake import SqlIntakeSwitch
from calls_adapters.sql.jobs import SqlJobQueue
from calls_adapters.sql.keys import SqlIdempotencyKeys
from calls_adapters.sql.search import SqlCallSearch
from calls_adapters.sql.uploads import SqlUploads
from calls_adapters.storage.local import LocalStorage
from calls_adapters.taskiq.broker import WakeUpBroker
from calls_adapters.taskiq.wake_ups import TaskiqWakeUps, make_broker
from calls_adapters.telemetry.prometheus import PrometheusTelemetry
from calls_adapters.telemetry.readings import ReadingsCollector
from calls_adapters.telemetry.tracing import LogContextOnly, Tracing
from calls_app.account_wiring import AccountAdapters, AccountUseCases
from calls_app.analysis_wiring import AnalysisAdapters, AnalysisUseCases
from calls_app.checks import PartChecks
from calls_app.delivery_wiring import DeliveryAdapters, DeliveryUseCases
from calls_app.governance_wiring import GovernanceAdapters, GovernanceUseCases
from calls_app.liveness import liveness, worker_name
from calls_app.scrape import Scrape
from calls_app.settings import Settings, SettingsError
from calls_app.worker import Worker
from calls_core.hearing import Hearing
from calls_core.job import Patience
from calls_core.ports import (
    CallRepository,
    CallSearch,
    Clock,
    Holds,
    IdempotencyKeys,
    IntakeSwitch,
    JobQueue,
    NewId,
    RecordingStorage,
    Stemmer,
    Telemetry,
    Uploads,
    WakeUps,
    WorkerIsDead,
)
from calls_core.use_cases.answer_once import AnswerOnce
from calls_core.use_cases.attach_recording import AttachRecording
from calls_core.use_cases.check_ingest import CheckIngest
from calls_core.use_cases.erase_call import EraseCall
from calls_core.use_cases.ingest_call import IngestCall, PullCall
from calls_core.use_cases.process_recording import ProcessRecording
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
from calls_http.docs_pages import installed_version


class UseCases(Provider):
    """Nothing here holds a connection, so one instance of each serves the whole process."""

    scope = Scope.APP
    use_cases = provide_all(
        AnswerOnce,
        AttachRecording,
        CheckIngest,
        ControlIntake,
        EraseCall,
        ExportCalls,
        ExportChosen,
        GetCall,
        GetRecording,
        IngestCall,
        PullCall,
        ReceiveRecording,
        RecoverWork,
        RegisterCall,
        ReprocessCall,
        ResumeUpload,
        PartChecks,
        Scrape,
        SearchCalls,
        SummarizeCalls,
    )


class Adapters(Provider):
    scope = Scope.APP
    settings = from_context(Settings)

    calls = provide(SqlCallRepository, provides=CallRepository)
    jobs = provide(SqlJobQueue, provides=JobQueue)
    stemmer = provide(SnowballStemmer, provides=Stemmer)
    holds = provide(SqlHolds, provides=Holds)
    keys = provide(SqlIdempotencyKeys, provides=IdempotencyKeys)
    uploads = provide(SqlUploads, provides=Uploads)
    intake = provide(SqlIntakeSwitch, provides=IntakeSwitch)
    wake_ups = provide(TaskiqWakeUps, provides=WakeUps)
    readings = provide(ReadingsCollector)

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
    def search(self, database: Database, stemmer: Stemmer) -> CallSearch:
        return SqlCallSearch(database, stemmer)

    @provide
    def limits(self, settings: Settings) -> UploadLimits:
        return UploadLimits(max_bytes=settings.max_upload_bytes)

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


def make_container(settings: Settings, *overrides: Provider) -> AsyncContainer:
    """Wire the application. Tests replace adapters with ``override=True`` providers."""
    use_cases = (UseCases(), AnalysisUseCases(), DeliveryUseCases(), AccountUseCases(), GovernanceUseCases())
    adapters = (Adapters(), AnalysisAdapters(), DeliveryAdapters(), AccountAdapters(), GovernanceAdapters())
    return make_async_container(
        *use_cases, *adapters, *overrides, context={Settings: settings}, validation_settings=STRICT_VALIDATION
    )
