"""A circuit breaker: a service that is down, or has asked for peace, is left alone."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final

from calls_core.errors import AiUnavailable, CallsError

OUTAGES_BEFORE_OPEN: Final = 5
FIRST_REST_SEC: Final = 30.0
LONGEST_REST_SEC: Final = 300.0


class Breaker:
    """Opens after five outages in a row. After a rest one request is let through: if it fails, the rest doubles.

    An outage that names a ``retry_after`` opens it at once, for that long. One breaker serves all recordings of a
    process; *clock* is monotonic, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._outages = 0
        self._rest_sec = FIRST_REST_SEC
        self._open_until = 0.0
        self._probing = False

    def require_closed(self) -> None:
        """Return if a request would be let through now.

        Raises:
            AiUnavailable: it would not.
        """
        now = self._clock()
        if now < self._open_until:
            msg = "the AI service is left alone for a while, after outages or because it has asked for it"
            raise AiUnavailable(msg, retry_after=timedelta(seconds=self._open_until - now))
        if self._probing:
            msg = "the AI service was down, and another request is finding out whether it is back"
            raise AiUnavailable(msg)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Let a request through, and learn from how it ends.

        Raises:
            AiUnavailable: it is open; nothing was asked.
        """
        self.require_closed()
        probe = self._outages >= OUTAGES_BEFORE_OPEN
        self._probing = probe
        try:
            yield
        except AiUnavailable as outage:
            self._failed(outage.retry_after)
            raise
        except CallsError:
            self._answered()  # with something of no use, but it is there
            raise
        else:
            self._answered()
        finally:
            if probe:
                self._probing = False

    def _answered(self) -> None:
        self._outages = 0
        self._rest_sec = FIRST_REST_SEC

    def _failed(self, retry_after: timedelta | None) -> None:
        self._outages += 1
        rest = retry_after.total_seconds() if retry_after else 0.0
        if self._outages >= OUTAGES_BEFORE_OPEN:
            rest = max(rest, self._rest_sec)
            self._rest_sec = min(LONGEST_REST_SEC, self._rest_sec * 2)
        self._open_until = max(self._open_until, self._clock() + rest)
