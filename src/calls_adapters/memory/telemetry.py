"""Telemetry that stays in this process, for tests to look at."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from calls_core.call import Call
from calls_core.governance import Kept
from calls_core.ports import DeliveryOutcome, Exchange, Fact, Span, StepOutcome, Telemetry, UploadOutcome


@dataclass(slots=True)
class MemorySpan(Span):
    name: str
    traceparent: str | None
    facts: dict[str, Fact] = field(default_factory=dict)

    def tell(self, **facts: Fact) -> None:
        self.facts |= facts


@dataclass(slots=True)
class MemoryExchange(Exchange):
    method: str
    traced: bool
    route: str | None = None
    status: int = 0

    def answered(self, route: str | None, status: int) -> None:
        self.route, self.status = route, status


class MemoryTelemetry(Telemetry):
    """*counts* has what happened, by its name and then its labels; *spans* those that have ended, in that order.

    *current* is what ``traceparent`` returns.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, ...]] = Counter()
        self.spans: list[MemorySpan] = []
        self.exchanges: list[MemoryExchange] = []
        self.current: str | None = None

    @contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[Span]:
        with self.continued(name, None, **facts) as span:
            yield span

    @contextmanager
    def continued(self, name: str, traceparent: str | None, **facts: Fact) -> Iterator[Span]:
        span = MemorySpan(name, traceparent, dict(facts))
        try:
            yield span
        finally:
            self.spans.append(span)

    def traceparent(self) -> str | None:
        return self.current

    @contextmanager
    def request(self, method: str, traceparent: str | None, *, traced: bool) -> Iterator[Exchange]:  # noqa: ARG002 (nothing is continued)
        exchange = MemoryExchange(method, traced)
        try:
            yield exchange
        finally:
            self.exchanges.append(exchange)

    def upload_ended(self, outcome: UploadOutcome, size_bytes: int = 0) -> None:
        self.counts["uploads", outcome] += 1
        self.counts["upload_bytes",] += size_bytes

    def wake_up(self, *, sent: bool) -> None:
        self.counts["wake_ups", "sent" if sent else "failed"] += 1

    def slots(self, number: int) -> None:
        self.counts["slots",] = number

    @contextmanager
    def busy(self) -> Iterator[None]:
        self.counts["busy",] += 1
        try:
            yield
        finally:
            self.counts["busy",] -= 1

    def step_ended(self, analyzer: str, outcome: StepOutcome, seconds: float) -> None:  # noqa: ARG002 (never the same)
        self.counts["steps", analyzer, outcome] += 1

    def call_ended(self, call: Call) -> None:
        self.counts["calls", call.status.value] += 1

    def lease_lost(self) -> None:
        self.counts["lease_losses",] += 1

    def requeued(self, jobs: int) -> None:
        self.counts["requeued",] += jobs

    def delivery_ended(self, kind: str, outcome: DeliveryOutcome) -> None:
        self.counts["deliveries", kind, outcome] += 1

    def expired(self, kept: Kept, calls: int) -> None:
        self.counts["expired", kept.value] += calls

    def gave_up(self, code: str) -> None:
        self.counts["given_up", code] += 1
