"""Spans, where nobody collects them."""

from abc import abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final, Protocol

import structlog

from calls_core.ports import Fact, Span


class RequestSpan(Protocol):
    """The span of an HTTP request, whose route is known at its end only."""

    @abstractmethod
    def answered(self, route: str | None, status: int) -> None: ...


class Tracing(Protocol):
    """Of the port ``Telemetry``, what traces rather than counts."""

    @abstractmethod
    def span(self, name: str, **facts: Fact) -> AbstractContextManager[Span]: ...

    @abstractmethod
    def continued(self, name: str, traceparent: str | None, **facts: Fact) -> AbstractContextManager[Span]: ...

    @abstractmethod
    def request(self, method: str, traceparent: str | None) -> AbstractContextManager[RequestSpan]: ...

    @abstractmethod
    def traceparent(self) -> str | None: ...

    @abstractmethod
    def close(self) -> None:
        """Send what is left, for a few seconds at most."""


class Untraced(Span, RequestSpan):
    """A span that nobody looks at."""

    def tell(self, **facts: Fact) -> None:
        pass

    def answered(self, route: str | None, status: int) -> None:
        pass


UNTRACED: Final = Untraced()
NOTHING: Final = nullcontext(UNTRACED)


class LogContextOnly(Tracing):
    """Makes no spans, but lets log lines carry their facts."""

    @contextmanager
    def span(self, name: str, **facts: Fact) -> Iterator[Span]:  # noqa: ARG002 (nobody sees the name)
        with structlog.contextvars.bound_contextvars(**facts):
            yield UNTRACED

    def continued(self, name: str, traceparent: str | None, **facts: Fact) -> AbstractContextManager[Span]:  # noqa: ARG002
        return self.span(name, **facts)

    def request(self, method: str, traceparent: str | None) -> AbstractContextManager[RequestSpan]:  # noqa: ARG002
        return NOTHING

    def traceparent(self) -> str | None:
        return None

    def close(self) -> None:
        pass
