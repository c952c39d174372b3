"""Receives webhooks: verifies each, and lets it take effect once.

pip install standardwebhooks
python receive_webhooks.py whsec_... 9000
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

SECRET, PORT = sys.argv[1], int(sys.argv[2])
seen: set[str] = set()  # a table of your database, written in the transaction that does the work


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            Webhook(SECRET).verify(body, {name.lower(): value for name, value in self.headers.items()})
        except WebhookVerificationError:
            self.answer(401)
            return
        if (event_id := self.headers["webhook-id"]) not in seen:
            event = json.loads(body)
            print(event["type"], event["data"].get("call_id"), flush=True)
            seen.add(event_id)
        self.answer(204)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print events and nothing else."""


HTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
