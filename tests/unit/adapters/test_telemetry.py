"""Counts, spans and the context of log lines."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import structlog
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from calls_adapters.memory import MemoryTelemetry
from calls_adapters.telemetry import opentelemetry
from calls_adapters.telemetry.opentelemetry import OpenTelemetryTracing, otlp_exporter
from calls_adapters.telemetry.prometheus import PrometheusTelemetry, exposed
from calls_adapters.telemetry.readings import Readings, ReadingsCollector
from calls_adapters.telemetry.tracing import LogContextOnly
from calls_core.call import Call, CallDetails, CallStatus
from calls_core.ports import Telemetry
from calls_core.recording import CallId

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> PrometheusTelemetry:
    return PrometheusTelemetry(registry, LogContextOnly(), "1.2.3")


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> Iterator[OpenTelemetryTracing]:
    made = OpenTelemetryTracing("calls", "1.2.3", exporter)
    yield made
    made.close()


def tell_everything(telemetry: Telemetry) -> None:
    details = CallDetails.checked(caller="1", receiver="2", started_at=NOW)
    call = Call(
        id=CallId(uuid4()),
        details=details,
        created_at=NOW,
        updated_at=NOW,
        status=CallStatus.READY,
        duration_sec=2.5,
    )
    with telemetry.request("GET", None, traced=True) as exchange:
        exchange.answered("/calls/{call_id}", 200)
    with telemetry.continued("job", PARENT, call_id="c") as span, telemetry.busy(), telemetry.span("step") as inner:
        span.tell(outcome="ready")
        inner.tell(outcome="done")
    telemetry.upload_ended("accepted", 10)
    telemetry.upload_ended("refused")
    telemetry.wake_up(sent=True)
    telemetry.wake_up(sent=False)
    telemetry.slots(4)
    telemetry.step_ended("signal", "done", 1.5)
    telemetry.call_ended(call)
    telemetry.lease_lost()
    telemetry.requeued(3)
    telemetry.gave_up("worker-lost")


def test_counts_are_exact(telemetry: PrometheusTelemetry, registry: CollectorRegistry) -> None:
    """Each thing told is counted under its name and labels."""
    tell_everything(telemetry)
    for name, labels, value in [
        ("calls_http_requests_total", {"method": "GET", "route": "/calls/{call_id}", "status": "200"}, 1),
        ("calls_http_request_duration_seconds_count", {"method": "GET", "route": "/calls/{call_id}"}, 1),
        ("calls_http_requests_in_progress", {}, 0),
        ("calls_upload_bytes_total", {}, 10),
        ("calls_uploads_total", {"outcome": "accepted"}, 1),
        ("calls_uploads_total", {"outcome": "refused"}, 1),
        ("calls_uploads_total", {"outcome": "broken_off"}, 0),
        ("calls_wake_ups_total", {"outcome": "sent"}, 1),
        ("calls_wake_ups_total", {"outcome": "failed"}, 1),
        ("calls_worker_slots", {}, 4),
        ("calls_worker_busy_slots", {}, 0),
        ("calls_steps_total", {"analyzer": "signal", "outcome": "done"}, 1),
        ("calls_step_duration_seconds_sum", {"analyzer": "signal"}, 1.5),
        ("calls_recordings_processed_total", {"outcome": "ready"}, 1),
        ("calls_recordings_processed_total", {"outcome": "failed"}, 0),
        ("calls_audio_seconds_processed_total", {}, 2.5),
        ("calls_lease_losses_total", {}, 1),
        ("calls_jobs_requeued_total", {}, 3),
        ("calls_jobs_given_up_total", {"code": "worker-lost"}, 1),
        ("calls_jobs_given_up_total", {"code": "deadline-exceeded"}, 0),
        ("calls_build_info", {"version": "1.2.3"}, 1),
    ]:
        assert registry.get_sample_value(name, labels) == value, (name, labels)


def test_the_double_for_tests_hears_the_same() -> None:
    """What tests look at takes everything that the real one takes."""
    memory = MemoryTelemetry()
    tell_everything(memory)
    assert memory.counts["uploads", "accepted"] == 1
    assert [span.name for span in memory.spans] == ["step", "job"]


def test_labels_cannot_be_invented_by_clients(telemetry: PrometheusTelemetry, registry: CollectorRegistry) -> None:
    """A made-up method is `other`, a path without a route is `unmatched`, a request without an answer is a 500."""
    for method in ("BREW", "GET\n", "x" * 5000):
        with telemetry.request(method, "nonsense", traced=True) as exchange:
            exchange.answered(None, 404)
    with pytest.raises(ZeroDivisionError), telemetry.request("GET", None, traced=True):
        raise ZeroDivisionError
    series = [
        line for line in exposed(registry, "")[0].decode().splitlines() if line.startswith("calls_http_requests_t")
    ]
    assert series == [
        'calls_http_requests_total{method="other",route="unmatched",status="404"} 3.0',
        'calls_http_requests_total{method="GET",route="unmatched",status="500"} 1.0',
    ]


def test_what_cannot_be_read_is_not_shown(registry: CollectorRegistry) -> None:
    """A queue that nobody could read has no depth, rather than an old one or zero."""
    readings = ReadingsCollector(registry)
    readings.latest = Readings(jobs={"queued": 2, "running": 1}, oldest_age_sec=7.5, parts={"database": True})
    assert registry.get_sample_value("calls_jobs", {"state": "queued"}) == 2
    assert registry.get_sample_value("calls_oldest_unprocessed_age_seconds") == 7.5
    readings.latest = Readings(parts={"database": False})
    assert registry.get_sample_value("calls_jobs", {"state": "queued"}) is None
    assert registry.get_sample_value("calls_oldest_unprocessed_age_seconds") is None
    assert registry.get_sample_value("calls_part_up", {"part": "database"}) == 0


def test_spans_continue_a_trace(tracing: OpenTelemetryTracing, exporter: InMemorySpanExporter) -> None:
    """A request continues the client's trace, and what it hands on is continued elsewhere, steps within it."""
    with tracing.request("PUT", PARENT) as request:
        handed_on = tracing.traceparent()
        request.answered("/calls/{call_id}/recording", 202)
    with tracing.continued("job", handed_on, call_id="c1") as job, tracing.span("step", analyzer="signal"):
        job.tell(outcome="ready")
    tracing.close()
    spans = {span.name: span for span in exporter.get_finished_spans()}
    put, job_span, step = spans["PUT /calls/{call_id}/recording"], spans["job"], spans["step"]
    assert {f"{span.context.trace_id:032x}" for span in spans.values()} == {PARENT.split("-")[1]}
    assert put.parent
    assert job_span.parent
    assert step.parent
    assert f"{put.parent.span_id:016x}" == PARENT.split("-")[2]
    assert job_span.parent.span_id == put.context.span_id
    assert step.parent.span_id == job_span.context.span_id
    assert dict(put.attributes or {}) == {
        "http.request.method": "PUT",
        "http.route": "/calls/{call_id}/recording",
        "http.response.status_code": 202,
    }
    assert dict(job_span.attributes or {}) == {"call.id": "c1", "outcome": "ready"}
    assert put.resource.attributes["service.name"] == "calls"


@pytest.mark.parametrize("offered", [None, "", "nonsense", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "é" * 200])
def test_a_trace_that_cannot_be_read_begins_anew(
    tracing: OpenTelemetryTracing, exporter: InMemorySpanExporter, offered: str | None
) -> None:
    """Whatever a client sends as its trace, its request has one of its own."""
    with tracing.request("GET", offered) as request:
        request.answered("/", 200)
    tracing.close()
    [span] = exporter.get_finished_spans()
    assert span.parent is None


def test_what_belongs_to_no_trace_is_not_traced(tracing: OpenTelemetryTracing, exporter: InMemorySpanExporter) -> None:
    """The sweep sends wake-ups all day: they are no traces."""
    with tracing.span("wake up", job_id="j"):
        assert structlog.contextvars.get_contextvars() == {"job_id": "j"}
        assert tracing.traceparent() is None
    tracing.close()
    assert exporter.get_finished_spans() == ()


def test_log_lines_know_where_they_are(tracing: OpenTelemetryTracing) -> None:
    """Inside of a span they carry its facts and the id of the trace; outside, nothing of it."""
    with tracing.continued("job", PARENT, call_id="c1"), tracing.span("step", analyzer="signal"):
        assert structlog.contextvars.get_contextvars() == {
            "call_id": "c1",
            "analyzer": "signal",
            "trace_id": PARENT.split("-")[1],
        }
    assert structlog.contextvars.get_contextvars() == {}


def test_the_operator_may_name_the_service(monkeypatch: pytest.MonkeyPatch, exporter: InMemorySpanExporter) -> None:
    """OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come before what we say."""
    monkeypatch.setenv("OTEL_SERVICE_NAME", "telephony")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    tracing = OpenTelemetryTracing("calls", "1.2.3", exporter)
    with tracing.continued("job", None):
        pass
    tracing.close()
    resource = exporter.get_finished_spans()[0].resource.attributes
    assert resource["service.name"] == "telephony"
    assert resource["service.version"] == "1.2.3"
    assert resource["deployment.environment.name"] == "test"


def test_a_collector_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spans are dropped when there are too many, telling them stays quick, and the end waits for its time only."""
    monkeypatch.setattr(opentelemetry, "CLOSE_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        tracing = OpenTelemetryTracing("calls", "1", otlp_exporter(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        began = time.monotonic()
        for _ in range(1000):
            with tracing.continued("job", None):
                pass
        told = time.monotonic() - began
        tracing.close()
        assert time.monotonic() - began - told < 8
        assert told < 8
    for thread in threading.enumerate():
        if thread.name.startswith("OtelBatch"):
            thread.join(10)
            assert not thread.is_alive()


def test_without_an_endpoint_nothing_of_opentelemetry_is_loaded() -> None:
    """Whoever traces nothing pays nothing: neither the SDK nor the exporter is imported."""
    script = """
import asyncio, json, sys
from calls_app.container import make_container
from calls_app.server import make_app
from calls_app.settings import Settings
from calls_core.ports import Telemetry

async def main():
    container = make_container(Settings())
    await container.get(Telemetry)
    await container.close()

asyncio.run(main())
print(json.dumps([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
