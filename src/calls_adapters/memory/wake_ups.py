"""Wake-ups that stay in this process."""

from collections.abc import Callable

from calls_core.job import JobId
from calls_core.ports import WakeUps


class MemoryWakeUps(WakeUps):
    """Remembers every id in *sent* and tells *on_wake* about it."""

    def __init__(self, on_wake: Callable[[JobId], None] | None = None) -> None:
        self.sent: list[JobId] = []
        self._on_wake = on_wake

    async def wake(self, job_id: JobId) -> None:
        self.sent.append(job_id)
        if self._on_wake is not None:
            self._on_wake(job_id)
