"""Clients that upload until they know where they are, and remember what they were told."""

import hashlib
import json
import threading
from collections.abc import Callable
from typing import Final

import httpx2

from tests.faults.history import Answer, Upload

TRY_AGAIN: Final = frozenset({408, 410, 429, 503})
"""Nothing was promised, and the same request may be sent again."""

PAUSE_SEC: Final = 0.1


class Clients:
    """Uploads through whichever API *connect* leads to, and notes every answer that is not a clear one.

    A service may hang up or say 503; it must not say 500, nor anything without a code.
    """

    def __init__(self, connect: Callable[[int], httpx2.Client]) -> None:
        self.uploads: list[Upload] = []
        self.unclear: list[str] = []
        self.unanswered = 0
        self.stopped = threading.Event()
        self._connect = connect

    def upload(self, key: str, audio: bytes, *, tries: int = 1, at_once: bool = True) -> Upload:
        """Send a call with its recording in one request, or one after the other; up to *tries* times."""
        upload = Upload(key=key, sha256=hashlib.sha256(audio).hexdigest())
        self.uploads.append(upload)
        for number in range(tries):
            with self._connect(number) as client:
                try:
                    upload.answer = self._sent(client, upload, audio, at_once=at_once)
                except httpx2.TransportError:
                    upload.answer = Answer.UNKNOWN
            if upload.answer is not Answer.UNKNOWN:
                break
            self.unanswered += 1
            if self.stopped.wait(PAUSE_SEC):
                break
        return upload

    @property
    def answered(self) -> int:
        return sum(upload.answer is not Answer.UNKNOWN for upload in self.uploads)

    def _sent(self, client: httpx2.Client, upload: Upload, audio: bytes, *, at_once: bool) -> Answer:
        fields = {
            "caller": upload.key, "receiver": "101", "started_at": "2026-01-01T00:00:00Z", "external_id": upload.key,
        }  # fmt: skip
        if at_once:
            return self._noted(
                upload, client.post("/calls/ingest", data=fields, files={"file": (f"{upload.key}.wav", audio)})
            )
        answer = self._noted(upload, client.post("/calls", json=fields))
        if answer is not Answer.ACCEPTED:
            return answer
        name = {"filename": f"{upload.key}.wav"}
        stored = client.put(f"/calls/{upload.call_id}/recording", params=name, content=audio)
        return self._noted(upload, stored)

    def _noted(self, upload: Upload, answer: httpx2.Response) -> Answer:
        if answer.is_success:
            told = answer.json()
            upload.call_id = told.get("call_id") or told["id"]
            return Answer.ACCEPTED
        code = _code(answer)
        if code is None or answer.status_code == 500:
            self.unclear.append(f"{upload.key}: {answer.status_code} {answer.text[:200]}")
        if code == "recording-exists":  # an attempt before this one was more successful than it looked
            return Answer.ACCEPTED
        return Answer.UNKNOWN if answer.status_code in TRY_AGAIN else Answer.REFUSED


def _code(answer: httpx2.Response) -> str | None:
    """Return the code of a problem, None if it is none."""
    if answer.headers.get("content-type") != "application/problem+json":
        return None
    try:
        kind: str = answer.json()["type"]
    except (json.JSONDecodeError, KeyError):
        return None
    return kind.removeprefix("urn:calls:problem:")
