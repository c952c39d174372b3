"""What a client of the service does again and again."""

import time
from pathlib import Path
from typing import Any

import httpx2


def register(client: httpx2.Client, **fields: Any) -> dict[str, Any]:
    usual = {"caller": "+7 900 123-45-67", "receiver": "101", "started_at": "2026-01-01T10:00:00+03:00"}
    answer = client.post("/calls", json=usual | fields)
    assert answer.status_code in {200, 201}, answer.text
    call: dict[str, Any] = answer.json()
    return call


def upload(client: httpx2.Client, call_id: str, path: Path, name: str | None = None) -> dict[str, Any]:
    with path.open("rb") as file:
        answer = client.post(f"/calls/{call_id}/recording", files={"file": (name or path.name, file)})
    assert answer.status_code == 202, answer.text
    recording: dict[str, Any] = answer.json()
    return recording


def ended(client: httpx2.Client, call_id: str, seconds: float = 60) -> dict[str, Any]:
    """Wait until the call is ready or failed, and return it."""
    deadline = time.monotonic() + seconds
    while True:
        call: dict[str, Any] = client.get(f"/calls/{call_id}").raise_for_status().json()
        if call["status"] in {"ready", "failed"}:
            return call
        assert time.monotonic() < deadline, call
        time.sleep(0.02)


def processed(client: httpx2.Client, path: Path, name: str | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Register a call, send *path*, wait, and return the call and its recording."""
    call = register(client)
    upload(client, call["id"], path, name)
    return ended(client, call["id"]), client.get(f"/calls/{call['id']}/recording").raise_for_status().json()
