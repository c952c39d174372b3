"""JSON bodies that are wrong in every way: always a 4xx problem, never a 500."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient, TestClient

from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 422, "invalid"),
        (b"{", 400, "malformed-body"),
        (b"\xff\xfe{", 400, "malformed-body"),
        (b'{"caller": "\xff"}', 400, "malformed-body"),
        (b'{"caller": "\xed\xa0\x80"}', 400, "malformed-body"),
        (b'{"caller": "\\ud800"}', 400, "malformed-body"),
        (b'{"caller": NaN}', 400, "malformed-body"),
        (b'{"caller": 1' + b"0" * 5000 + b"}", 422, "invalid"),
        (b"[" * 100_000, 422, "invalid"),
        (b'{"metadata": {"a": ' + b"[" * 100_000, 400, "malformed-body"),
        (b'{"metadata": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}", 400, "malformed-body"),
        (b"null", 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'"text"', 422, "invalid"),
        (b"1e999", 422, "invalid"),
        (b"caller=1", 400, "malformed-body"),
    ],
)
async def test_damaged_bodies(client: Client, body: bytes, status: int, code: str) -> None:
    """What is no JSON is 400, what is JSON of another shape 422."""
    answer = await client.post("/calls", content=body, headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:calls:problem:{code}"), answer.text


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"caller": None}, "/caller"),
        ({"caller": 7900}, "/caller"),
        ({"caller": ""}, "/caller"),
        ({"caller": "  "}, "/caller"),
        ({"caller": "x" * 65}, "/caller"),
        ({"caller": "a\x00b"}, "/caller"),
        ({"caller": "a\nb"}, "/caller"),
        ({"receiver": ["101"]}, "/receiver"),
        ({"started_at": "2026-11-22T09:30:00"}, "/started_at"),
        ({"started_at": "2026-13-22T09:30:00Z"}, "/started_at"),
        ({"started_at": 1767225600}, "/started_at"),
        ({"started_at": "0001-01-01T00:00:00+14:00"}, "/started_at"),
        ({"direction": "up"}, "/direction"),
        ({"agent": "x" * 129}, "/agent"),
        ({"external_id": ""}, "/external_id"),
        ({"tags": "vip"}, "/tags"),
        ({"tags": ["a", 1]}, "/tags/1"),
        ({"tags": ["a", ""]}, "/tags/1"),
        ({"tags": [str(n) for n in range(33)]}, "/tags"),
        ({"metadata": []}, "/metadata"),
        ({"metadata": {"a": "\x00"}}, "/metadata"),
        ({"metadata": {"a": [[[[[[[[[[1]]]]]]]]]]}}, "/metadata"),
        ({"status": "ready"}, "/status"),
        ({"a/b~c": 1}, "/a~1b~0c"),
    ],
)
async def test_the_wrong_field_is_pointed_at(client: Client, change: dict[str, Any], pointer: str) -> None:
    """422, with a JSON pointer for the field, unknown ones included."""
    answer = await client.post("/calls", json=CALL | change)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_missing_fields_are_pointed_at(client: Client) -> None:
    """Each by its own name."""
    for name in CALL:
        answer = await client.post("/calls", json={key: value for key, value in CALL.items() if key != name})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "a", ";"]
)
async def test_other_media_types_are_refused(client: Client, media_type: str) -> None:
    """415 asks for application/json, also for a readable body, so that no web page can send one unasked."""
    answer = await client.post("/calls", content=b"{}", headers={"Content-Type": media_type})
    assert answer.status_code in {415, 422} if media_type == ";" else answer.status_code == 415


@pytest.mark.parametrize(
    "media_type", ["application/json; charset=utf-8", "application/vnd.pbx+json", "APPLICATION/JSON"]
)
async def test_json_by_any_name_is_read(client: Client, media_type: str) -> None:
    """Parameters, structured suffixes and capitals do not matter."""
    answer = await client.put("/intake", content=b'{"accepting":true}', headers={"Content-Type": media_type})
    assert answer.status_code == 200, answer.text


async def test_a_body_over_the_limit_is_refused(client: Client) -> None:
    """JSON bodies have at most 1 MiB, wherever uploads may be larger."""
    answer = await client.post("/calls", content=b" " * (1024**2 + 1), headers=JSON)
    assert (answer.status_code, answer.json()["type"]) == (413, "urn:calls:problem:too-large")


@pytest.mark.parametrize(
    "body",
    [
        b'{"accepting": "true"}',
        b'{"accepting": 1}',
        b"{}",
        b'{"accepting": true, "x": 1}',
        b'{"accepting": false, "reason": "a\\u0000b"}',
        b'{"accepting": false, "reason": "' + b"x" * 501 + b'"}',
    ],
)
async def test_the_intake_is_switched_by_a_boolean(client: Client, body: bytes) -> None:
    """Nothing is guessed: a text is no boolean; and the reason is a line that can be stored and shown."""
    assert (await client.put("/intake", content=body, headers=JSON)).status_code == 422


FIELDS = st.dictionaries(
    st.sampled_from([*CALL, "tags", "metadata", "agent", "external_id", "direction", "other"]),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    ),
)


@pytest.mark.thorough
def test_whatever_is_sent_is_stored_or_refused() -> None:
    """Any fields on top of a good call give 201 or 422, and what was stored can be listed and exported."""
    memory = MemoryService()
    with TestClient(memory.app()) as client:

        @settings(max_examples=300)
        @given(FIELDS)
        def send(fields: dict[str, Any]) -> None:
            memory.database.calls.clear()
            answer = client.post("/calls", json=CALL | fields)
            assert answer.status_code in {201, 422}, answer.text
            if answer.status_code == 201:
                assert client.get("/calls").json()["items"] == [answer.json() | {"highlights": None}]
                assert client.get("/calls/export").status_code == 200

        send()
