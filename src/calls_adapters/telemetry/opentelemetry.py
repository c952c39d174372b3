"""Traces as OpenTelemetry, sent by OTLP over HTTP. Imported only where an endpoint is configured."""

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from calls_adapters.telemetry.tracing import LogContextOnly, RequestSpan, Tracing
from calls_core.ports import Fact, Span

CLOSE_SECONDS: Final = 3.0
SERVER_ERROR: Final = 500
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"

_W3C: Final = TraceContextTextMapPropagator()


class OpenTelemetryTracing(Tracing):
    """Sends spans in batches from a thread of its own: whatever the collector does, nobody here waits for it.

    Facts become attributes, ``call_id`` as ``call.id``. Requests follow the semantic conventions of HTTP spans.
    """

    def __init__(self, service: str, version: str, exporter: SpanExporter) -> None:
        """*service* and *version* name the resource where ``OTEL_SERVICE_NAME`` and ``OTEL_RESOURCE_ATTRIBUTES`` do
        not; sampling and batches follow the other ``OTEL_*`` variables."""
        named = Resource.create({"service.name": service, "service.version": version})
        self._provider = TracerProvider(resource=named.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._exporter = exporter
        self._untraced = LogContextOnly()
        self._tracer = self._provider.get_tracer("calls", version)

    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        is_within = trace.get_current_span().get_span_context().is_valid
        return self._span(name, None, facts) if is_within else self._untraced.span(name, **facts)

    def continued(self, name: str, traceparent: str | None, **facts: Fact) -> AbstractContextManager[Span]:
        return self._span(name, _context(traceparent), facts)

    @contextmanager
    def _span(self, name: str, context: Context | None, facts: dict[str, Fact]) -> Iterator[Span]:
        with self._tracer.start_as_current_span(name, context=context, attributes=_attributes(facts)) as span:
            told = _Told(span)
            with structlog.contextvars.bound_contextvars(**facts, trace_id=told.trace_id):
                yield told

    @contextmanager
    def request(self, method: str, traceparent: str | None) -> Iterator[RequestSpan]:
        with self._tracer.start_as_current_span(
            method, context=_context(traceparent), kind=SpanKind.SERVER, attributes={"http.request.method": method}
        ) as span:
            told = _ToldRequest(span, method)
            with structlog.contextvars.bound_contextvars(trace_id=told.trace_id):
                yield told

    def traceparent(self) -> str | None:
        carrier: dict[str, str] = {}
        _W3C.inject(carrier)
        return carrier.get("traceparent")

    def close(self) -> None:
        # The SDK would wait for ten times as long for a collector that does not answer.
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(CLOSE_SECONDS)
        if closing.is_alive():
            self._exporter.shutdown()  # which ends its retries


class _Told(Span):
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    @property
    def trace_id(self) -> str:
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    def tell(self, **facts: Fact) -> None:
        self._span.set_attributes(_attributes(facts))


class _ToldRequest(_Told, RequestSpan):
    def __init__(self, span: trace.Span, method: str) -> None:
        super().__init__(span)
        self._method = method

    def answered(self, route: str | None, status: int) -> None:
        if route is not None:
            self._span.update_name(f"{self._method} {route}")
            self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= SERVER_ERROR:
            self._span.set_status(StatusCode.ERROR)


def otlp_exporter(endpoint: str) -> SpanExporter:
    """Return what sends to *endpoint*, the root that ``OTEL_EXPORTER_OTLP_ENDPOINT`` names; the other ``OTEL_*``
    variables of the exporter are read by the SDK from the environment."""
    if os.environ.get(TRACES_ENDPOINT):
        return OTLPSpanExporter()
    return OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")


def _context(traceparent: str | None) -> Context:
    """Return the context of *traceparent* alone; one that cannot be read begins a new trace."""
    return _W3C.extract({"traceparent": traceparent} if traceparent else {}, context=Context())


def _attributes(facts: dict[str, Fact]) -> dict[str, Fact]:
    return {f"{name[:-3]}.id" if name.endswith("_id") else name: fact for name, fact in facts.items()}
