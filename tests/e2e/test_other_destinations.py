"""Events as forms, and in RabbitMQ; and the commands that look after them."""

import asyncio
import email
import email.policy
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aio_pika
import pytest
from standardwebhooks import Webhook

from tests.e2e.test_deliveries import QUICK, settled
from tests.http.test_calls import CALL
from tests.servers.rabbitmq import RabbitServer
from tests.servers.receiver import Receiver
from tests.servers.service import Service


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("others"), **QUICK) as service:
        yield service


def parts(headers: dict[str, str], body: bytes) -> dict[str, bytes]:
    """The parts of a form by their names, read by somebody else than us."""
    message = email.message_from_bytes(
        f"Content-Type: {headers['content-type']}\r\n\r\n".encode() + body, policy=email.policy.HTTP
    )
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
        for part in message.iter_parts()  # type: ignore[attr-defined]
    }


def test_a_form_carries_the_audio_and_its_fields(serving: Service, beep: Path) -> None:
    """Byte for byte, with fields from the call; it counts as accepted only by its rule, by hand or not."""
    form = {
        "fields": {"agent": "{call.agent}", "n": "{{{call.metadata.number}}}", "sec": "{recording.duration_sec}"},
        "file": "audio",
        "statuses": [201],
        "pattern": "^o+k$",
    }
    with Receiver() as receiver, serving.client() as client:
        receiver.answers = [202, 201]
        wanted = {"url": receiver.url, "kind": "form", "event_types": ["call.ready"], "form": form}
        hook = client.post("/webhooks", json=wanted)
        assert hook.json()["form"] == form
        call = client.post("/calls", json={**CALL, "agent": "Анна", "metadata": {"number": 7}}).json()
        client.put(f"/calls/{call['id']}/recording?filename=a.wav", content=beep.read_bytes()).raise_for_status()
        receiver.wait_for(requests=2)
        log = settled(client, hook.json()["id"], "delivered")

        assert [attempt["status"] for attempt in log["attempts"]] == [202, 201]
        for headers, body in receiver.requests:
            assert parts(headers, body) == {
                "agent": "Анна".encode(),
                "n": b"{7}",
                "sec": b"2.0",
                "audio": beep.read_bytes(),
            }
        client.delete(f"/webhooks/{hook.json()['id']}")


@pytest.mark.parametrize(
    ("form", "pointer"),
    [
        ({"fields": {"a": "{call.agnet}"}}, "/form/fields/a"),
        ({"fields": {"a": "{secret.key}"}}, "/form/fields/a"),
        ({"fields": {"a": "{call.__class__}"}}, "/form/fields/a"),
        ({"fields": {"a": "{"}}, "/form/fields/a"),
        ({"fields": {"file": "x"}}, "/form/fields"),
        ({"fields": {"a\r\nb": "x"}}, "/form/fields"),
        ({"pattern": "("}, "/form/pattern"),
        ({"pattern": "(a)\\1"}, "/form/pattern"),
        ({"statuses": [99]}, "/form/statuses/0"),
        (None, "/form"),
    ],
)
def test_a_form_that_cannot_work_is_refused(serving: Service, form: Any, pointer: str) -> None:
    """When it is made, not when the first call is ready."""
    with serving.client() as client:
        answer = client.post("/webhooks", json={"url": "https://b.example/", "kind": "form", "form": form})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer), answer.text
    assert "b'" not in answer.text


def test_no_pattern_hangs_a_notifier(serving: Service) -> None:
    """One that takes Python's own expressions for ever is searched for at once."""
    with Receiver() as receiver, serving.client() as client:
        form = {"pattern": "(x+x+)+y", "file": None}
        hook = client.post("/webhooks", json={"url": receiver.url, "kind": "form", "form": form}).json()
        receiver.answer = b"x" * 50_000
        receiver.answers = [201]
        tried = client.post(f"/webhooks/{hook['id']}/test").json()
        assert (tried["status"], tried["error"]["code"]) == (201, "receiver-refused")
        assert tried["duration_ms"] < 5000
        client.delete(f"/webhooks/{hook['id']}")


@pytest.mark.requires("rabbitmq")
def test_events_go_to_a_topic_exchange(serving: Service, rabbit_server: RabbitServer) -> None:
    """The same bodies, persistent, by their type as routing key; the password is not shown."""

    async def listen(post: Any) -> tuple[aio_pika.abc.AbstractIncomingMessage, Any]:
        async with await aio_pika.connect(rabbit_server.url) as connection:
            channel = await connection.channel()
            exchange = await channel.declare_exchange("calls.events", "topic", durable=True)
            queue = await channel.declare_queue(exclusive=True)
            await queue.bind(exchange, "call.*")
            call = await asyncio.to_thread(post)
            async with asyncio.timeout(30):
                while (message := await queue.get(fail=False, no_ack=True)) is None:
                    await asyncio.sleep(0.05)
            return message, call

    with serving.client() as client:
        hook = client.post("/webhooks", json={"url": rabbit_server.url, "kind": "amqp"}).json()
        assert "guest:***@" in hook["url"]
        message, call = asyncio.run(listen(lambda: client.post("/calls", json=CALL).json()))
        told = json.loads(message.body)
        assert (message.routing_key, told["type"], told["data"]["call"]) == ("call.created", "call.created", call)
        assert (message.delivery_mode, message.content_type) == (2, "application/json")
        assert message.message_id == settled(client, hook["id"], "delivered")["delivery"]["event_id"]
        client.delete(f"/webhooks/{hook['id']}")


def test_the_command_line_looks_after_webhooks(serving: Service) -> None:
    """From adding one to the log of its delivery, beside a running service; the audit trail tells what was done."""

    def calls(*arguments: str, code: int = 0) -> str:
        variables = {"DATABASE_URL": f"sqlite:///{serving.folder / 'calls.db'}", **QUICK, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [sys.executable, "-m", "calls_app", *arguments],
            env=variables,
            cwd=serving.folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout

    with Receiver() as receiver, serving.client() as client:
        key, receiver.secret = calls("webhooks", "add", receiver.url, "--event", "call.created").split()
        assert "accepted" in calls("webhooks", "test", key)
        new = calls("webhooks", "rotate", key).strip()
        client.post("/calls", json=CALL).raise_for_status()
        receiver.wait_for(effects=2)
        headers, body = receiver.requests[-1]
        assert Webhook(new).verify(body, headers)
        settled(client, key, "delivered")
        (delivery,) = [
            json.loads(line) for line in calls("deliveries", "list", "--webhook", key, "--json").splitlines()
        ]
        assert json.loads(calls("deliveries", "show", delivery["id"]))["attempts"][0]["status"] == 200
        assert calls("deliveries", "replay", delivery["id"]).strip() == "queued"
        receiver.wait_for(requests=3)
        fed = [json.loads(line) for line in calls("events").splitlines()]
        assert delivery["event_id"] in {event["id"] for event in fed}
        calls("webhooks", "enable", key, "--off")
        assert "disabled" in calls("webhooks", "list")
        calls("webhooks", "remove", key)
        calls("webhooks", "test", key, code=1)
        told = [entry["action"] for entry in client.get("/audit?actor=cli").json()["items"]]
        assert told[::-1] == [
            "webhook.added",
            "webhook.secret_rotated",
            "delivery.replayed",
            "webhook.changed",
            "webhook.removed",
        ]


def test_what_is_followed_is_printed(serving: Service) -> None:
    """``calls events --follow`` prints an event as it comes."""
    variables = {"DATABASE_URL": f"sqlite:///{serving.folder / 'calls.db'}", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "calls_app", "events", "--follow", "--after", "0"]
    with (
        serving.client() as client,
        subprocess.Popen(command, env=variables, cwd=serving.folder, stdout=subprocess.PIPE, text=True) as following,
    ):
        assert following.stdout is not None
        try:
            key = client.post("/calls", json=CALL).json()["id"]
            while json.loads(following.stdout.readline())["data"].get("call_id") != key:
                pass
        finally:
            following.terminate()
