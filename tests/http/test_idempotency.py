"""The header Idempotency-Key."""

from datetime import timedelta
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_adapters.memory import MemoryIdempotencyKeys
from calls_core.ports import KeyClaim
from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL, register
from tests.http.test_ingest import AUDIO, FILE, fields, form

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
KEY = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}


def told(answer: Any) -> tuple[Any, ...]:
    return answer.status_code, answer.json(), answer.headers.get("location")


async def test_a_repetition_is_answered_as_the_first_time(client: Client, memory: MemoryService) -> None:
    """Byte by byte, with a mark, and one call is made; quotes and the order of fields do not matter."""
    first = await client.post("/calls", json=CALL, headers=KEY)
    again = await client.post(
        "/calls", json=dict(reversed(CALL.items())), headers={"Idempotency-Key": KEY["Idempotency-Key"].strip('"')}
    )
    assert first.status_code == 201
    assert (told(again), again.content) == (told(first), first.content)
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert len(memory.database.calls) == 1


async def test_forms_are_the_same_when_their_fields_and_files_are(client: Client, memory: MemoryService) -> None:
    """Whatever the boundary and the order of parts; one byte of audio more is another request."""
    answers = []
    for parts, boundary in (([*fields(), FILE], "one"), ([FILE, *fields()[::-1]], "another")):
        body, headers = form(*parts, boundary=boundary)
        answers.append(await client.post("/calls/ingest", content=body, headers=headers | KEY))
    assert answers[0].status_code == 202, answers[0].text
    assert told(answers[1]) == told(answers[0])
    assert answers[1].headers["idempotency-replayed"] == "true"
    for parts in ([*fields(), ("file", "a.wav", AUDIO + b"!")], [*fields(agent="maria"), FILE]):
        body, headers = form(*parts)
        other = await client.post("/calls/ingest", content=body, headers=headers | KEY)
        assert (other.status_code, other.json()["type"]) == (422, "urn:calls:problem:idempotency-key-reused")
    assert len(memory.database.calls) == 1
    assert not memory.database.holds


async def test_every_route_that_makes_something_knows_repetitions(client: Client, memory: MemoryService) -> None:
    """Attaching a recording, pulling one, and processing one again."""
    call = await register(client)
    requests: list[tuple[str, dict[str, Any]]] = [
        (f"/calls/{call['id']}/recording", {"files": {"file": ("a.wav", AUDIO)}}),
        (f"/calls/{call['id']}/reprocess", {"json": {"force": True}}),
        (f"/calls/{call['id']}/reprocess", {}),
        ("/calls/ingest", {"json": CALL | {"recording_url": "https://pbx.example/a.wav"}}),
    ]
    for number, (path, body) in enumerate(requests):
        if path.endswith("reprocess"):
            await memory.finish(call["id"])
        answers = [await client.post(path, headers={"Idempotency-Key": f"k{number}"}, **body) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202], answers[0].text
        assert told(answers[1]) == told(answers[0])
        assert answers[1].headers["idempotency-replayed"] == "true"


async def test_a_key_belongs_to_one_request(client: Client) -> None:
    """Another payload, and another address, are 422."""
    await client.post("/calls", json=CALL, headers=KEY)
    other = await client.post("/calls", json=CALL | {"caller": "103"}, headers=KEY)
    assert (other.status_code, other.json()["type"]) == (422, "urn:calls:problem:idempotency-key-reused")
    elsewhere = await client.post("/calls/ingest", json=CALL, headers=KEY)
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (422, "urn:calls:problem:idempotency-key-reused")


async def test_what_was_refused_may_be_sent_again(client: Client) -> None:
    """A refusal makes nothing, so the key is free for the mended request."""
    for body in ({"caller": ""}, CALL | {"caller": ""}, [1]):
        assert (await client.post("/calls", json=body, headers=KEY)).status_code == 422
    assert (await client.post("/calls", content=b"{", headers=KEY)).status_code == 400
    assert (await client.post("/calls", json=CALL, headers=KEY)).status_code == 201


async def test_one_in_progress_is_waited_for(client: Client, memory: MemoryService) -> None:
    """409 with Retry-After while the first request with the key is being answered."""
    keys = MemoryIdempotencyKeys(memory.database, memory.clock)
    claim = await keys.claim("anonymous", KEY["Idempotency-Key"].strip('"'), timedelta(minutes=1))
    answer = await client.post("/calls", json=CALL, headers=KEY)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:calls:problem:idempotency-key-in-use")
    assert answer.headers["retry-after"] == "1"
    assert isinstance(claim, KeyClaim)
    await keys.release(claim)
    assert (await client.post("/calls", json=CALL, headers=KEY)).status_code == 201


@pytest.mark.parametrize("key", ["", '""', '"', "a b", "ключ".encode(), "x" * 129, 'a"b'])
async def test_a_key_is_visible_ascii(client: Client, key: Any) -> None:
    """422 tells what it must look like."""
    answer = await client.post("/calls", json=CALL, headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/Idempotency-Key")


async def test_the_longest_key_is_taken(client: Client) -> None:
    """128 characters, whether in quotes or not."""
    for key in ("x" * 128, f'"{"y" * 128}"', "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"):
        assert (await client.post("/calls", json=CALL, headers={"Idempotency-Key": key})).status_code == 201


async def test_an_unkeyed_request_asks_no_keeper(client: Client, memory: MemoryService) -> None:
    """Without the header, nothing about keys is read or written."""
    await client.post("/calls", json=CALL)
    assert not memory.database.keys
