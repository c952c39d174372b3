"""Registering, reading, deleting and reprocessing calls, and the switch of the intake."""

from typing import Any
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_core.errors import Reason
from tests.http.made_up import SIGNAL
from tests.http.memory_service import MemoryService

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]

CALL = {"caller": "+7900", "receiver": "101", "started_at": "2026-11-22T09:30:00+03:00"}


async def register(client: Client, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/calls", json=CALL | fields)
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_new_call_is_answered_with_201_and_its_location(client: Client) -> None:
    """Exactly the documented fields come back, with times in UTC and null for what is not known."""
    answer = await client.post("/calls", json=CALL)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/calls/{body['id']}"
    assert UUID(body["id"])
    assert body == {
        "id": body["id"],
        "caller": "+7900",
        "receiver": "101",
        "started_at": "2026-11-22T06:30:00Z",
        "status": "created",
        "created_at": "2026-11-22T09:30:00Z",
        "updated_at": "2026-11-22T09:30:00Z",
        "external_id": None,
        "direction": None,
        "agent": None,
        "tags": [],
        "metadata": {},
        "duration_sec": None,
        "failure": None,
        "legal_hold": None,
    }
    assert (await client.get(answer.headers["location"])).json() == body


async def test_every_optional_field_comes_back(client: Client) -> None:
    """Tags are trimmed and told once; metadata is kept as it was sent, down to big numbers and other scripts."""
    body = await register(
        client,
        external_id="pbx-1",
        direction="inbound",
        agent=" Анна ",
        tags=["vip", " vip ", "жалоба"],
        metadata={"n": 12345678901234567890123, "deep": [{"ключ": None}], "f": 0.1},
    )
    assert (body["external_id"], body["direction"], body["agent"]) == ("pbx-1", "inbound", "Анна")
    assert body["tags"] == ["vip", "жалоба"]
    assert body["metadata"] == {"n": 12345678901234567890123, "deep": [{"ключ": None}], "f": 0.1}


async def test_null_means_absent(client: Client) -> None:
    """Senders that write null for what they do not know are understood."""
    nothing = dict.fromkeys(["external_id", "direction", "agent", "tags", "metadata"])
    assert (await register(client, **nothing))["tags"] == []


async def test_the_same_external_id_and_content_give_the_same_call(client: Client) -> None:
    """A repeated registration is answered with 200 and the first call."""
    first = await register(client, external_id="a")
    again = await client.post("/calls", json=CALL | {"external_id": "a"})
    assert (again.status_code, again.json()) == (200, first)
    assert again.headers["location"] == f"/calls/{first['id']}"


async def test_an_external_id_with_other_content_is_a_conflict(client: Client) -> None:
    """409 external-id-taken names the call that has it."""
    first = await register(client, external_id="a")
    answer = await client.post("/calls", json=CALL | {"external_id": "a", "caller": "other"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:calls:problem:external-id-taken"
    assert first["id"] in answer.json()["detail"]


@pytest.mark.parametrize(
    "path", ["", "/recording", "/recording/audio", "/recording/waveform", "/transcript", "/download"]
)
async def test_an_unknown_call_is_not_found(client: Client, path: str) -> None:
    """404 call-not-found, as a problem, wherever the call is asked for."""
    answer = await client.get(f"/calls/{uuid4()}{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:calls:problem:call-not-found"
    assert answer.json()["status"] == 404


async def test_a_deleted_call_is_gone(client: Client, memory: MemoryService) -> None:
    """204 without a body; then the call and its recording are not found, and a second deletion says so."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    answer = await client.delete(f"/calls/{call['id']}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await client.get(f"/calls/{call['id']}")).status_code == 404
    assert (await client.get(f"/calls/{call['id']}/recording/audio")).status_code == 404
    assert (await client.delete(f"/calls/{call['id']}")).status_code == 404
    assert [entry.action for entry in memory.database.audit] == ["call.deleted"]


async def test_a_failed_call_tells_why(client: Client, memory: MemoryService) -> None:
    """Failure has the code and sentence of the first failed step; what was measured is kept."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(call["id"], {"signal": SIGNAL, "words": Reason("step-timed-out", "took too long")})
    body = (await client.get(f"/calls/{call['id']}")).json()
    assert body["status"] == "failed"
    assert body["failure"] == {"code": "step-timed-out", "detail": "words: took too long"}
    assert body["duration_sec"] == 2.5


async def test_reprocessing_needs_no_body(client: Client, memory: MemoryService) -> None:
    """202 and the call is processing; while it is, another try is a conflict."""
    call = await register(client)
    path = f"/calls/{call['id']}/reprocess"
    assert (await client.post(path)).json()["type"] == "urn:calls:problem:recording-not-found"
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    conflict = await client.post(path)
    assert (conflict.status_code, conflict.json()["type"]) == (409, "urn:calls:problem:still-processing")
    await memory.finish(call["id"])
    answer = await client.post(path)
    assert (answer.status_code, answer.json()["status"]) == (202, "processing")


async def test_reprocessing_runs_the_named_steps(client: Client, memory: MemoryService) -> None:
    """With force, a step that is done runs again; the others stay; unknown names are refused."""
    call = await register(client)
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(call["id"])
    path = f"/calls/{call['id']}/reprocess"
    unknown = await client.post(path, json={"analyzers": ["nobody"]})
    assert (unknown.status_code, unknown.json()["type"]) == (422, "urn:calls:problem:unknown-analyzer")
    assert (await client.post(path, json={"analyzers": ["words"], "force": True})).status_code == 202
    steps = (await client.get(f"/calls/{call['id']}/recording")).json()["steps"]
    assert [(step["analyzer"], step["status"]) for step in steps] == [("signal", "done"), ("words", "pending")]


async def test_a_paused_intake_refuses_new_calls(client: Client) -> None:
    """While it is off, creating calls in any way answers 503 intake-paused with Retry-After; reading goes on."""
    assert (await client.get("/intake")).json() == {"accepting": True, "reason": None}
    off = await client.put("/intake", json={"accepting": False, "reason": "moving house"})
    assert (off.status_code, off.json()) == (200, {"accepting": False, "reason": "moving house"})
    assert (await client.get("/intake")).json() == off.json()
    form = {"data": CALL, "files": {"file": ("a.wav", b"RIFF")}}
    pulled = {"json": CALL | {"recording_url": "https://pbx.example/a.wav"}}
    for answer in (
        await client.post("/calls", json=CALL),
        await client.post("/calls/ingest", **form),
        await client.post("/calls/ingest", **pulled),
    ):
        assert answer.status_code == 503
        assert answer.json()["type"] == "urn:calls:problem:intake-paused"
        assert "moving house" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
    assert (await client.get("/calls")).status_code == 200
    await client.put("/intake", json={"accepting": True})
    assert (await client.post("/calls", json=CALL)).status_code == 201
