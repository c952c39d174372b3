"""What operators see of real processes: metrics, traces and logs."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.conversation import ended, register, upload
from tests.servers.collector import Collector
from tests.servers.fleet import WorkerProcess
from tests.servers.ports import free_port
from tests.servers.service import Service

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TRACE = PARENT.split("-")[1]


def worker_beside(service: Service, **variables: str) -> WorkerProcess:
    """A worker over the database and recordings of *service*."""
    shared = {
        "DATABASE_URL": f"sqlite:///{service.folder / 'calls.db'}",
        "RECORDINGS_DIR": str(service.recordings),
        "LEASE_SEC": "2",
        **variables,
    }
    return WorkerProcess(service.folder, "worker.log", ("worker",), shared)


def samples(text: str) -> dict[str, float]:
    lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def lines(path: Path) -> list[dict[str, Any]]:
    """Every line of a log, as the JSON that it must be."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as running:
        yield running


@pytest.fixture(scope="module")
def seen(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two processes, an API and a worker, told of one upload, one pull and some nonsense."""
    folder = tmp_path_factory.mktemp("observed")
    beep = Path(__file__).with_name("beep.wav")
    observed = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        "LOG_FORMAT": "json",
        "APP_NAME": "observed",
    }
    port = free_port()
    found: dict[str, Any] = {"folder": folder, "bytes": beep.stat().st_size}
    with (
        Service(folder, worker=False, **observed) as api,
        worker_beside(api, METRICS_PORT=str(port), **observed) as worker,
        api.client() as client,
    ):
        call = found["call"] = register(client)
        client.headers["traceparent"] = PARENT
        upload(client, call["id"], beep)
        del client.headers["traceparent"]
        ended(client, call["id"])
        for path in ("/nowhere", "/calls/not-a-uuid", *(f"/made-up/{number}" for number in range(50))):
            assert client.get(path).status_code == 404
        found["unknown"] = client.put(
            "/calls/01a201ee-00d9-708f-981d-217866948bd5/recording?filename=a.wav"
        ).status_code
        collector.wait_for(lambda span: span.name == "process recording")
        found["api"], found["open_metrics"] = (
            client.get("/metrics", headers={"Accept": accept}).text
            for accept in ("", "application/openmetrics-text; version=1.0.0")
        )
        found["worker"] = httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        found["elsewhere"] = httpx2.get(f"http://127.0.0.1:{port}/", trust_env=False).status_code
        found["worker_exit"] = worker.stop()
        api.stop()
    return found


def test_the_api_tells_of_the_upload(seen: dict[str, Any]) -> None:
    """Its bytes, the refused one, its requests by route, and a queue that is empty again."""
    found = samples(seen["api"])
    assert seen["unknown"] == 404
    assert found["calls_upload_bytes_total"] == seen["bytes"]
    assert found['calls_uploads_total{outcome="accepted"}'] == 1
    assert found['calls_uploads_total{outcome="refused"}'] == 1
    assert found['calls_http_requests_total{method="POST",route="/calls",status="201"}'] == 1
    assert found["calls_http_requests_in_progress"] == 1, "the scrape itself"
    assert found['calls_jobs{state="queued"}'] == 0
    assert found["calls_oldest_unprocessed_age_seconds"] == 0
    assert found['calls_part_up{part="database"}'] == 1
    assert found["calls_scrape_errors_total"] == 0
    assert found["process_resident_memory_bytes"] > 0


def test_paths_that_clients_make_up_are_one_series(seen: dict[str, Any]) -> None:
    """52 unknown paths are counted under one name."""
    unmatched = {
        name: value for name, value in samples(seen["api"]).items() if "unmatched" in name and "_total" in name
    }
    assert unmatched == {'calls_http_requests_total{method="GET",route="unmatched",status="404"}': 52}
    assert "made-up" not in seen["api"]


def test_the_worker_tells_of_the_work(seen: dict[str, Any]) -> None:
    """On a port of its own, at /metrics only: slots, steps, results and the audio in them."""
    found = samples(seen["worker"])
    assert seen["elsewhere"] == 404
    assert (found["calls_worker_slots"], found["calls_worker_busy_slots"]) == (2, 0)
    assert found['calls_steps_total{analyzer="signal",outcome="done"}'] == 1
    assert found['calls_step_duration_seconds_count{analyzer="signal"}'] == 1
    assert found['calls_recordings_processed_total{outcome="ready"}'] == 1
    assert found["calls_audio_seconds_processed_total"] == 2
    assert seen["worker_exit"] == 0


@pytest.mark.requires("promtool")
@pytest.mark.parametrize("process", ["api", "worker"])
def test_prometheus_finds_no_fault(seen: dict[str, Any], process: str) -> None:
    """`promtool check metrics` has nothing to say about names, types or help."""
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=seen[process], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_open_metrics_are_spoken_too(seen: dict[str, Any]) -> None:
    """Where they are asked for, with the mark at their end."""
    assert seen["open_metrics"].endswith("# EOF\n")
    assert "# TYPE calls_uploads counter" in seen["open_metrics"]


def test_one_trace_leads_from_the_upload_to_each_step(seen: dict[str, Any], collector: Collector) -> None:
    """The client's trace goes on over the database into another process, and each span hangs on the right one."""
    spans = {span.name: span for span in collector.spans if span.trace == TRACE}
    request, process = spans["POST /calls/{call_id}/recording"], spans["process recording"]
    assert {span.service for span in spans.values()} == {"observed"}
    assert request.parent == PARENT.split("-")[2]
    assert spans["store recording"].parent == request.id
    assert spans["wake up"].parent == request.id
    assert process.parent == request.id
    assert spans["step signal"].parent == process.id
    assert (process.attributes["call.id"], process.attributes["outcome"]) == (seen["call"]["id"], "ready")
    step = {name: spans["step signal"].attributes[name] for name in ("analyzer", "attempt", "outcome", "call.id")}
    assert step == {"analyzer": "signal", "attempt": 1, "outcome": "done", "call.id": seen["call"]["id"]}
    assert not any("metrics" in span.name or "health" in span.name for span in collector.spans)


def test_every_line_of_the_logs_is_json(seen: dict[str, Any]) -> None:
    """A request has its id and its trace, the end of a job its call, its job, its trace and how long it took."""
    [request] = [line for line in lines(seen["folder"] / "service.log") if line["event"].endswith("/recording 202")]
    assert re.fullmatch(r"[0-9a-f]{32}", request["request_id"])
    assert request["trace_id"] == TRACE
    [job] = [line for line in lines(seen["folder"] / "worker.log") if line["logger"] == "calls.process"]
    assert (job["call_id"], job["trace_id"]) == (seen["call"]["id"], TRACE)
    assert job["job_id"] in job["event"]
    assert job["event"].endswith("ready")
    assert job["duration_ms"] > 0


def test_a_collector_that_is_down_hurts_nobody(tmp_path: Path) -> None:
    """Everything is processed, and both processes end in time."""
    nowhere = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with Service(tmp_path, worker=False, **nowhere) as api, worker_beside(api, **nowhere) as worker:
        with api.client() as client:
            call = register(client)
            upload(client, call["id"], Path(__file__).with_name("beep.wav"))
            assert ended(client, call["id"])["status"] == "ready"
        began = time.monotonic()
        assert worker.stop() == 0
        api.stop()
        assert time.monotonic() - began < 10


def test_a_port_that_is_taken_stops_the_worker(tmp_path: Path) -> None:
    """With one line that names the setting."""
    with Service(tmp_path, worker=False) as api:
        worker = worker_beside(api, METRICS_PORT=str(api.port))
        worker.start(wait=False)
        assert worker.wait_until_dead() == 2
        assert worker.said.splitlines()[-1].startswith(
            f"calls: METRICS_PORT: cannot listen on 127.0.0.1 port {api.port}"
        )
