"""Counts for Prometheus, in a registry of their own."""

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from calls_adapters.telemetry.tracing import NOTHING, RequestSpan, Tracing
from calls_core.call import Call, CallStatus
from calls_core.errors import DeadlineExceeded, WorkerLost
from calls_core.governance import Kept
from calls_core.ports import DeliveryOutcome, Exchange, Fact, Span, StepOutcome, Telemetry, UploadOutcome

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "other"
NO_ROUTE: Final = "unmatched"

REQUEST_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
STEP_BUCKETS: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180, 600, 1800, 3600)


class PrometheusTelemetry(Telemetry):
    """Counts in *registry*; *tracing* makes the spans."""

    def __init__(self, registry: CollectorRegistry, tracing: Tracing, version: str) -> None:
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._tracing = tracing
        self._make_http(registry)
        self._make_uploads(registry)
        self._make_work(registry)
        self._deliveries = Counter(
            "calls_deliveries",
            "Events that were sent once, by what came of it.",
            ["kind", "outcome"],
            registry=registry,
        )
        self._expired = Counter(
            "calls_expired", "Calls of which retention has removed something.", ["kept"], registry=registry
        )
        _begin_at_zero(self._expired, *Kept)
        Gauge("calls_build_info", "The release that runs here.", ["version"], registry=registry).labels(version).set(1)

    def _make_http(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "calls_http_requests", "Requests that were answered.", ["method", "route", "status"], registry=registry
        )
        self._request_seconds = Histogram(
            "calls_http_request_duration_seconds",
            "Time from the head of a request to the end of its answer.",
            ["method", "route"],
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._kept_series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._in_progress = Gauge(
            "calls_http_requests_in_progress", "Requests that are being answered now.", registry=registry
        )

    def _make_uploads(self, registry: CollectorRegistry) -> None:
        self._upload_bytes = Counter(
            "calls_upload_bytes", "Bytes of recordings that were durably accepted.", registry=registry
        )
        self._uploads = Counter(
            "calls_uploads", "Recordings that were handed over, by how that ended.", ["outcome"], registry=registry
        )
        self._wake_ups = Counter("calls_wake_ups", "Wake-ups for workers.", ["outcome"], registry=registry)
        _begin_at_zero(self._uploads, *get_args(UploadOutcome))
        _begin_at_zero(self._wake_ups, "sent", "failed")

    def _make_work(self, registry: CollectorRegistry) -> None:
        self._slots = Gauge(
            "calls_worker_slots", "How many recordings this process works on at most.", registry=registry
        )
        self._busy = Gauge(
            "calls_worker_busy_slots", "How many recordings this process works on now.", registry=registry
        )
        self._steps = Counter(
            "calls_steps", "Runs of analyzers, by how they ended.", ["analyzer", "outcome"], registry=registry
        )
        self._step_seconds = Histogram(
            "calls_step_duration_seconds",
            "How long analyzers ran.",
            ["analyzer"],
            buckets=STEP_BUCKETS,
            registry=registry,
        )
        self._processed = Counter(
            "calls_recordings_processed", "Jobs that ended, by what became of the call.", ["outcome"], registry=registry
        )
        self._audio_seconds = Counter(
            "calls_audio_seconds_processed", "Seconds of audio in the jobs that ended.", registry=registry
        )
        self._lease_losses = Counter(
            "calls_lease_losses", "Attempts dropped because somebody else had the job by then.", registry=registry
        )
        self._requeued = Counter(
            "calls_jobs_requeued", "Jobs taken back from workers whose lease had ended.", registry=registry
        )
        self._given_up = Counter("calls_jobs_given_up", "Jobs that were given up.", ["code"], registry=registry)
        _begin_at_zero(self._processed, CallStatus.READY.value, CallStatus.FAILED.value)
        _begin_at_zero(self._given_up, DeadlineExceeded.code, WorkerLost.code)

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        return self._tracing.span(name, **facts)

    def continued(self, name: str, traceparent: str | None, **facts: Fact) -> AbstractContextManager[Span]:
        return self._tracing.continued(name, traceparent, **facts)

    def traceparent(self) -> str | None:
        return self._tracing.traceparent()

    @contextmanager
    def request(self, method: str, traceparent: str | None, *, traced: bool) -> Iterator[Exchange]:
        method = method if method in METHODS else OTHER
        began = time.perf_counter()
        with self._tracing.request(method, traceparent) if traced else NOTHING as span:
            self._in_progress.inc()
            exchange = _Counted(span)
            try:
                yield exchange
            finally:
                self._in_progress.dec()
                requests, seconds = self._series(method, exchange.route or NO_ROUTE, exchange.status)
                requests.inc()
                seconds.observe(time.perf_counter() - began)

    def _series(self, method: str, route: str, status: int) -> tuple[Counter, Histogram]:
        """Return what counts such requests; there are as few as there are routes."""
        key = method, route, status
        if key not in self._kept_series:
            requests = self._requests.labels(method, route, str(status))
            self._kept_series[key] = requests, self._request_seconds.labels(method, route)
        return self._kept_series[key]

    def upload_ended(self, outcome: UploadOutcome, size_bytes: int = 0) -> None:
        self._uploads.labels(outcome).inc()
        self._upload_bytes.inc(size_bytes)

    def wake_up(self, *, sent: bool) -> None:
        self._wake_ups.labels("sent" if sent else "failed").inc()

    def slots(self, number: int) -> None:
        self._slots.set(number)

    def busy(self) -> AbstractContextManager[None]:
        return self._busy.track_inprogress()

    def step_ended(self, analyzer: str, outcome: StepOutcome, seconds: float) -> None:
        self._steps.labels(analyzer, outcome).inc()
        self._step_seconds.labels(analyzer).observe(seconds)

    def call_ended(self, call: Call) -> None:
        self._processed.labels(call.status.value).inc()
        self._audio_seconds.inc(call.duration_sec or 0)

    def lease_lost(self) -> None:
        self._lease_losses.inc()

    def requeued(self, jobs: int) -> None:
        self._requeued.inc(jobs)

    def delivery_ended(self, kind: str, outcome: DeliveryOutcome) -> None:
        self._deliveries.labels(kind, outcome).inc()

    def expired(self, kept: Kept, calls: int) -> None:
        self._expired.labels(kept.value).inc(calls)

    def gave_up(self, code: str) -> None:
        self._given_up.labels(code).inc()


class _Counted(Exchange):
    route: str | None = None
    status: int = 500

    def __init__(self, span: RequestSpan) -> None:
        self._span = span

    def answered(self, route: str | None, status: int) -> None:
        self.route, self.status = route, status
        self._span.answered(route, status)


def _begin_at_zero(counter: Counter, *labels: str) -> None:
    """Show series from the start: Prometheus sees no increase in one that begins with 1."""
    for label in labels:
        counter.labels(label)


def exposed(registry: Collector, accept: str) -> tuple[bytes, str]:
    """Return all metrics, and their media type: OpenMetrics where *accept* asks for it, else Prometheus's text."""
    # The time when each series was made would double them, and a switch for the whole process is all there is.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type
