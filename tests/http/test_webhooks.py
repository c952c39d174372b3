"""Webhooks and deliveries over HTTP; how events arrive is told in tests/e2e/test_deliveries.py."""

from typing import Any
from uuid import uuid4

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient

from tests.http.memory_service import MemoryService
from tests.http.test_calls import CALL

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]
URL = "https://b.example/hook"


async def added(client: Client, **fields: Any) -> dict[str, Any]:
    answer = await client.post("/webhooks", json={"url": URL} | fields)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def test_a_secret_is_shown_once(client: Client) -> None:
    """In the answer that makes it, which nobody may keep; never again."""
    answer = await client.post("/webhooks", json={"url": URL, "event_types": ["call.ready"]})
    made = answer.json()
    assert made["secret"].startswith("whsec_")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["location"] == f"/webhooks/{made['id']}"

    shown = {name: value for name, value in made.items() if name != "secret"}
    assert (await client.get(f"/webhooks/{made['id']}")).json() == shown
    assert (await client.get("/webhooks")).json() == {"items": [shown]}
    rotated = (await client.post(f"/webhooks/{made['id']}/rotate-secret")).json()
    assert rotated["secret"] != made["secret"]


async def test_a_repeated_request_gets_the_same_secret(client: Client) -> None:
    """And makes no second webhook, to which everything would be sent twice; nobody may keep that answer either."""
    headers = {"Idempotency-Key": "once"}
    first, again = [await client.post("/webhooks", json={"url": URL}, headers=headers) for _ in range(2)]
    assert (again.status_code, again.json(), again.headers["location"]) == (
        201,
        first.json(),
        first.headers["location"],
    )
    assert (again.headers["idempotency-replayed"], again.headers["cache-control"]) == ("true", "no-store")
    assert len((await client.get("/webhooks")).json()["items"]) == 1
    other = await client.post("/webhooks", json={"url": f"{URL}/other"}, headers=headers)
    assert other.status_code == 422


async def test_only_what_is_given_changes(client: Client) -> None:
    """The rest stays; what is wrong changes nothing."""
    key = (await added(client, description="billing"))["id"]

    changed = await client.patch(f"/webhooks/{key}", json={"event_types": ["call.failed"], "enabled": False})

    assert {name: changed.json()[name] for name in ("url", "description", "event_types", "enabled")} == {
        "url": URL,
        "description": "billing",
        "event_types": ["call.failed"],
        "enabled": False,
    }
    assert (await client.patch(f"/webhooks/{key}", json={"url": "ftp://x/"})).status_code == 422
    assert (await client.get(f"/webhooks/{key}")).json()["url"] == URL


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "ftp://b.example/"}, "/url"),
        ({"url": "http://user:secret@b.example/"}, "/url"),
        ({"url": "https://b.example/" + "x" * 2048}, "/url"),
        ({"event_types": ["webhook.test"]}, "/event_types"),
        ({"event_types": ["nonsense"]}, "/event_types/0"),
        ({"kind": "pigeon"}, "/kind"),
        ({"description": "two\nlines"}, "/description"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_what_is_wrong_is_pointed_at(client: Client, fields: dict[str, Any], pointer: str) -> None:
    """With 422 and the field, before anything is stored."""
    answer = await client.post("/webhooks", json={"url": URL} | fields)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await client.get("/webhooks")).json()["items"] == []


async def test_what_is_not_there_is_not_found(client: Client) -> None:
    """Each with the code of its kind."""
    for method, path in (
        ("GET", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/rotate-secret"),
        ("POST", "/test"),
        ("POST", "/replay"),
    ):
        answer = await client.request(method, f"/webhooks/{uuid4()}{path}", json={} if method == "PATCH" else None)
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:calls:problem:webhook-not-found"), path
    for answer in (
        await client.get(f"/deliveries/{uuid4()}"),
        await client.post(f"/deliveries/{uuid4()}/replay"),
    ):
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:calls:problem:delivery-not-found")


async def test_deliveries_are_listed_page_by_page(client: Client, memory: MemoryService) -> None:
    """Latest first; a replay of what waits leaves it as it is."""
    key = (await added(client))["id"]
    calls = [(await client.post("/calls", json=CALL)).json()["id"] for _ in range(3)]
    await memory.tell()

    first = (await client.get("/deliveries", params={"webhook_id": key, "limit": 2})).json()
    rest = (await client.get("/deliveries", params={"limit": 2, "cursor": first["next_cursor"]})).json()

    items = first["items"] + rest["items"]
    assert [item["call_id"] for item in items] == calls[::-1]
    assert rest["next_cursor"] is None
    assert (await client.get("/deliveries", params={"call_id": calls[0]})).json()["items"] == [items[2]]
    assert (await client.get("/deliveries", params={"state": "exhausted"})).json()["items"] == []
    again = await client.post(f"/deliveries/{items[0]['id']}/replay")
    assert (again.status_code, again.json()) == (202, items[0])
    assert (await client.get(f"/deliveries/{items[0]['id']}")).json() == {"delivery": items[0], "attempts": []}


async def test_a_period_has_two_ends(client: Client) -> None:
    """One alone is refused, and so is a time without an offset."""
    key = (await added(client))["id"]
    for body in ({"since": "2026-01-01T00:00:00Z"}, {"since": "2026-01-01T00:00:00", "until": "2026-01-02T00:00:00Z"}):
        assert (await client.post(f"/webhooks/{key}/replay", json=body)).status_code == 422
    assert (await client.post(f"/webhooks/{key}/replay")).json() == {"deliveries": 0}


async def test_the_mask_of_a_password_is_never_taken_for_it(client: Client, memory: MemoryService) -> None:
    """A URL that is sent back as it was shown keeps its password; one that leads elsewhere must hold its own."""
    given = {"kind": "amqp", "url": "amqp://ann:secret@rabbit.example/calls"}
    made = (await client.post("/webhooks", json=given)).json()
    assert made["url"] == "amqp://ann:***@rabbit.example/calls"
    path = f"/webhooks/{made['id']}"

    assert (await client.patch(path, json={"url": made["url"], "description": "b"})).status_code == 200
    (stored,) = memory.database.destinations.values()
    assert (stored.details.url, stored.details.description) == (given["url"], "b")

    for method, where, url in (
        (client.patch, path, "amqp://ann:***@other.example/calls"),
        (client.post, "/webhooks", made["url"]),
    ):
        refused = await method(where, json={"kind": "amqp", "url": url} if method == client.post else {"url": url})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/url"


async def test_the_audit_trail_tells_who_changed_what(client: Client) -> None:
    """Each change with what it was done to, and nothing for looking."""
    key = (await added(client))["id"]
    await client.get(f"/webhooks/{key}")
    await client.patch(f"/webhooks/{key}", json={"description": "b"})
    await client.patch(f"/webhooks/{key}", json={"url": "ftp://x/"})
    await client.post(f"/webhooks/{key}/rotate-secret")
    await client.post(f"/webhooks/{key}/replay")
    await client.post("/deliveries/release", json={"webhook_id": key})
    await client.delete(f"/webhooks/{key}")

    entries = (await client.get("/audit")).json()["items"][::-1]

    assert [(entry["action"], entry["details"]) for entry in entries] == [
        ("webhook.added", {"made": f"/webhooks/{key}"}),
        ("webhook.changed", {"webhook": key}),
        ("webhook.secret_rotated", {"webhook": key}),
        ("webhook.replayed", {"webhook": key}),
        ("deliveries.released", {}),
        ("webhook.removed", {"webhook": key}),
    ]
