"""What the service tells its operators about itself."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from typing import Literal, Protocol, TypeAlias

from calls_core.call import Call
from calls_core.governance import Kept

Fact: TypeAlias = str | int | float | bool

UploadOutcome: TypeAlias = Literal["accepted", "refused", "broken_off", "unavailable"]
"""*refused* for what it was; *broken_off* before all of it had come; *unavailable*: a part behind us was down, or the
intake was paused."""

StepOutcome: TypeAlias = Literal["done", "failed", "crashed", "postponed", "interrupted"]
"""*failed*: another attempt would end the same way; *crashed*: an error or the time limit, tried again while the job
has attempts; *postponed*: something outside was down; *interrupted*: the worker stopped or lost its lease."""


DeliveryOutcome: TypeAlias = Literal["delivered", "failed", "exhausted"]
"""*failed* is tried again."""


class Span(Protocol):
    """A piece of work, as long as it takes."""

    @abstractmethod
    def tell(self, **facts: Fact) -> None:
        """Add what only the work has shown."""


class Exchange(Protocol):
    """A request on its way to its answer."""

    @abstractmethod
    def answered(self, route: str | None, status: int) -> None:
        """Tell which answer it got. *route* is the template of its path, None when no route fits."""


class Telemetry(Protocol):
    """Counts what happens and traces how long it takes.

    No method raises, waits or does I/O. Labels come from small sets: analyzers, codes, templates of paths.
    """

    @abstractmethod
    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]:
        """Trace the block as a part of the span around it; outside of any, it is not traced.

        Log lines of the block carry the *facts*, and the id of the trace where there is one.
        """

    @abstractmethod
    def continued(self, name: str, traceparent: str | None, **facts: Fact) -> AbstractContextManager[Span]:
        """Trace the block as ``span`` does, but as a part of what began elsewhere, or else as a trace of its own."""

    @abstractmethod
    def traceparent(self) -> str | None:
        """Return the span that is open here as a W3C ``traceparent``, for work that goes on elsewhere."""

    @abstractmethod
    def request(self, method: str, traceparent: str | None, *, traced: bool) -> AbstractContextManager[Exchange]:
        """Measure the block, which answers an HTTP request, and trace it as a part of the client's *traceparent*."""

    @abstractmethod
    def upload_ended(self, outcome: UploadOutcome, size_bytes: int = 0) -> None:
        """A recording was handed over, or was not. *size_bytes* became durable."""

    @abstractmethod
    def wake_up(self, *, sent: bool) -> None:
        """A wake-up was sent, or could not be."""

    @abstractmethod
    def slots(self, number: int) -> None:
        """This process works on at most *number* recordings at a time."""

    @abstractmethod
    def busy(self) -> AbstractContextManager[None]:
        """One of the slots is taken for the length of the block."""

    @abstractmethod
    def step_ended(self, analyzer: str, outcome: StepOutcome, seconds: float) -> None:
        """An analyzer has run once."""

    @abstractmethod
    def call_ended(self, call: Call) -> None:
        """A job has ended, and *call* is ready or failed."""

    @abstractmethod
    def lease_lost(self) -> None:
        """The work of one attempt was dropped, because somebody else has the job by now."""

    @abstractmethod
    def requeued(self, jobs: int) -> None:
        """So many leases had ended, and their jobs are queued again."""

    @abstractmethod
    def delivery_ended(self, kind: str, outcome: DeliveryOutcome) -> None:
        """An event was sent once to a destination of this *kind*."""

    @abstractmethod
    def expired(self, kept: Kept, calls: int) -> None:
        """Retention has done away with what was *kept* of so many calls."""

    @abstractmethod
    def gave_up(self, code: str) -> None:
        """A job was given up, for the reason *code*."""
