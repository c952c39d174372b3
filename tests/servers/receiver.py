"""A receiver of webhooks as the public library ``standardwebhooks`` lets anybody write one."""

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from standardwebhooks import Webhook, WebhookVerificationError

from tests.servers.ports import free_port

WAIT_SEC = 30.0


class Receiver:
    """Verifies what it is sent with *secret* and lets each event take effect once, by its id, over all its restarts.

    *answers* are given first, one each: a status, or seconds to hang before 200. *headers* go with every answer.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.secret = ""
        self.answers: list[int | float] = []
        self.headers: dict[str, str] = {}
        self.effects: dict[str, dict[str, Any]] = {}
        self.arrivals: Counter[str] = Counter()
        self.forged = 0
        self.answer = b"ok"
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._changed = threading.Condition()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

            def handle_error(self, *_: object) -> None:
                """A sender that has hung up is no news."""

            allow_reuse_address = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._changed:
            self.requests.append((headers, body))
            answer = self.answers.pop(0) if self.answers else 200
            self._changed.notify_all()
        if isinstance(answer, float):
            time.sleep(answer)
            answer = 200
        if answer == 200:
            answer = self._effect(headers, body)
        handler.send_response(answer)
        for name, value in {**self.headers, "Content-Length": str(len(self.answer))}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(self.answer)

    def _effect(self, headers: dict[str, str], body: bytes) -> int:
        key = headers["webhook-id"]
        try:
            Webhook(self.secret).verify(body, headers)
        except WebhookVerificationError:
            self.forged += 1
            return 401
        with self._changed:
            self.arrivals[key] += 1
            self.effects.setdefault(key, json.loads(body))
            self._changed.notify_all()
        return 200

    def wait_for(self, effects: int = 0, requests: int = 0) -> None:
        """Return when so many events took effect, and so many requests came."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: len(self.effects) >= effects and len(self.requests) >= requests, WAIT_SEC
            )
        assert enough, f"{len(self.effects)} effects, {len(self.requests)} requests, {self.forged} forged"
