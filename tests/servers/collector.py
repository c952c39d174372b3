"""A collector of traces: what OTLP over HTTP sends, decoded by the protocol's own messages."""

import gzip
import http.server
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class CollectedSpan:
    """One span; ids in hex, *parent* empty for the root. *service* is the resource's ``service.name``."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]


class Collector:
    """Use as a context manager. It listens on a port of its own, and keeps every span in *spans*."""

    def __init__(self) -> None:
        self.spans: list[CollectedSpan] = []
        collector = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                assert self.path == "/v1/traces"
                collector.keep(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def keep(self, request: Any) -> None:
        for resource_spans in request.resource_spans:
            service = _attributes(resource_spans.resource.attributes)["service.name"]
            for scope_spans in resource_spans.scope_spans:
                self.spans += [
                    CollectedSpan(
                        name=span.name,
                        service=service,
                        trace=span.trace_id.hex(),
                        id=span.span_id.hex(),
                        parent=span.parent_span_id.hex(),
                        attributes=_attributes(span.attributes),
                    )
                    for span in scope_spans.spans
                ]

    def wait_for(self, fits: Callable[[CollectedSpan], bool], seconds: float = 60) -> CollectedSpan:
        """Return the first span that fits."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if found := next(filter(fits, list(self.spans)), None):
                return found
            time.sleep(0.02)
        raise TimeoutError(f"no such span among {[span.name for span in self.spans]}")


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
