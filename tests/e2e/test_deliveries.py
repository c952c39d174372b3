"""Events on their way to receivers that restart, hang, refuse and are gone."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook

from calls_adapters.sql.migrate import migrate
from tests.http.test_calls import CALL
from tests.servers.receiver import Receiver
from tests.servers.service import Service

QUICK = {"LEASE_SEC": "1", "WEBHOOK_RETRY_SCALE": "0.01", "WEBHOOK_ALLOW_CIDRS": "127.0.0.0/8"}


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """A service whose pauses are a hundredth."""
    with Service(tmp_path_factory.mktemp("quick"), **QUICK) as service, service.client() as client:
        yield client


def connected(client: httpx2.Client, receiver: Receiver, **more: Any) -> str:
    """A webhook to *receiver*, which knows its secret."""
    made = client.post("/webhooks", json={"url": receiver.url, **more})
    assert made.status_code == 201, made.text
    receiver.secret = made.json()["secret"]
    key: str = made.json()["id"]
    return key


def latest(client: httpx2.Client, key: str) -> dict[str, Any]:
    """The last delivery to a webhook, with its log."""
    newest = client.get("/deliveries", params={"webhook_id": key, "limit": 1}).json()["items"][0]
    found: dict[str, Any] = client.get(f"/deliveries/{newest['id']}").json()
    return found


def settled(client: httpx2.Client, key: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (found := latest(client, key))["delivery"]["state"] != state:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgres", marks=pytest.mark.requires("postgres"))])
def test_every_event_takes_effect_once_whatever_restarts(
    tmp_path: Path, database: str, request: pytest.FixtureRequest
) -> None:
    """The notifier is killed three times and the receiver is away three times, while another receiver hangs: the
    receiver verifies each event with the public library, and sees each that the feed has, once by its id."""
    url = None
    if database == "postgres":
        url = request.getfixturevalue("postgres_url")
        asyncio.run(migrate(url))
    with Receiver() as receiver, Receiver() as hanging, Service(tmp_path, url, **QUICK) as service:
        hanging.answers = [60.0] * 1000
        with service.client() as client:
            connected(client, hanging)
            connected(client, receiver)
        for turn in range(3):
            with service.client() as client:
                for _ in range(5):
                    client.post("/calls", json=CALL).raise_for_status()
                receiver.stop()
                client.post("/calls", json=CALL).raise_for_status()
                time.sleep(0.7)  # for the notifier to try while nobody is there
                service.kill()
            receiver.start()
            service.start()
            receiver.wait_for(effects=6 * (turn + 1))
        with service.client() as client:
            feed = client.get("/events").json()["items"]
        expected = {e["id"]: {name: e[name] for name in ("type", "timestamp", "data")} for e in feed}
        assert receiver.effects == expected
        assert len(expected) == 18
        assert receiver.forged == 0


def test_a_hanging_receiver_slows_no_other(quick: httpx2.Client) -> None:
    """While one answers nothing, another has its events at once; the hanging one is sent only a few at a time."""
    with Receiver() as hanging, Receiver() as receiver:
        hanging.answers = [60.0] * 100
        stuck = connected(quick, hanging)
        connected(quick, receiver)
        quick.post("/calls", json=CALL)
        hanging.wait_for(requests=1)

        began = time.monotonic()
        for _ in range(20):
            quick.post("/calls", json=CALL).raise_for_status()
        receiver.wait_for(effects=21)

        assert time.monotonic() - began < 10
        assert len(hanging.requests) <= 4
        quick.delete(f"/webhooks/{stuck}").raise_for_status()


def test_a_refused_event_is_sent_again_until_it_is_accepted(quick: httpx2.Client) -> None:
    """Same id and body, fresh signature; every attempt is in the log with the beginning of its answer."""
    with Receiver() as receiver:
        receiver.answers = [500, 302]
        key = connected(quick, receiver)
        quick.post("/calls", json=CALL)
        receiver.wait_for(effects=1)

        log = settled(quick, key, "delivered")

        assert [(a["status"], a["error"] and a["error"]["code"], a["answer"]) for a in log["attempts"]] == [
            (500, "receiver-refused", "ok"),
            (302, "receiver-refused", "ok"),
            (200, None, "ok"),
        ]
        assert log["delivery"]["attempt"] == 3
        assert len({headers["webhook-id"] for headers, _ in receiver.requests}) == 1
        assert len({body for _, body in receiver.requests}) == 1

        quick.post(f"/deliveries/{log['delivery']['id']}/replay").raise_for_status()
        receiver.wait_for(requests=4)
        assert receiver.arrivals[log["delivery"]["event_id"]] == 2
        quick.delete(f"/webhooks/{key}")


def test_a_receiver_that_is_gone_is_left_alone(quick: httpx2.Client) -> None:
    """410 disables; others are told; enabling it lets go of what waited; a period can be sent again."""
    with Receiver() as receiver, Receiver() as observer:
        receiver.answers = [410]
        connected(quick, observer, event_types=["webhook.disabled"])
        key = connected(quick, receiver, event_types=["call.created"])
        quick.post("/calls", json=CALL)
        observer.wait_for(effects=1)

        told = next(iter(observer.effects.values()))
        assert told["type"] == "webhook.disabled"
        assert told["data"]["webhook_id"] == key
        assert told["data"]["disabled_reason"]["code"] == "receiver-gone"
        shown = quick.get(f"/webhooks/{key}").json()
        assert (shown["enabled"], shown["disabled_reason"]["code"]) == (False, "receiver-gone")
        missed = quick.post("/calls", json=CALL).json()

        assert quick.patch(f"/webhooks/{key}", json={"enabled": True}).json()["disabled_reason"] is None
        receiver.wait_for(effects=1)
        period = {"since": missed["created_at"], "until": "2999-01-01T00:00:00Z"}
        deadline = time.monotonic() + 60
        while quick.post(f"/webhooks/{key}/replay", json=period).json() != {"deliveries": 1}:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        receiver.wait_for(effects=2)


def test_two_secrets_sign_while_one_takes_over(quick: httpx2.Client) -> None:
    """A test event is verified with the old and with the new one, and is shown with what came of it."""
    with Receiver() as receiver:
        key = connected(quick, receiver, enabled=False)
        old = receiver.secret
        new = quick.post(f"/webhooks/{key}/rotate-secret").json()["secret"]

        tried = quick.post(f"/webhooks/{key}/test").json()

        assert (tried["status"], tried["error"], tried["answer"]) == (200, None, "ok")
        headers, body = receiver.requests[0]
        for secret in (old, new):
            assert Webhook(secret).verify(body, headers)["type"] == "webhook.test"
        assert "secret" not in quick.get(f"/webhooks/{key}").json()
        quick.delete(f"/webhooks/{key}")


def test_by_hand_nothing_goes_before_it_is_released(quick: httpx2.Client) -> None:
    """Those of one agent go when they are released; the rest is held."""
    with Receiver() as receiver:
        key = connected(quick, receiver, mode="by_hand", event_types=["call.created"])
        for agent in ("ann", "bob"):
            quick.post("/calls", json={**CALL, "agent": agent}).raise_for_status()
        deadline = time.monotonic() + 60
        while len(quick.get("/deliveries", params={"webhook_id": key, "state": "held"}).json()["items"]) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert not receiver.requests

        released = quick.post("/deliveries/release", json={"webhook_id": key, "agent": "bob"})

        assert released.json() == {"deliveries": 1}
        receiver.wait_for(effects=1)
        assert next(iter(receiver.effects.values()))["data"]["call"]["agent"] == "bob"
        held = quick.get("/deliveries", params={"webhook_id": key, "state": "held"}).json()["items"]
        assert len(held) == 1
        assert quick.post("/deliveries/release", json={"ids": [held[0]["id"]]}).json() == {"deliveries": 1}
        receiver.wait_for(effects=2)
        quick.delete(f"/webhooks/{key}")
