"""One model for all steps of a process."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from calls_whisper.speech import Engine

Result = TypeVar("Result")


class SharedEngine:
    """Lends the engine to one piece of work at a time, in a thread of its own; concurrent steps take turns.

    The engine is loaded by the first work, and by the next one again when that failed: a model that was missing may
    be there by then.
    """

    def __init__(self, load: Callable[[], Engine]) -> None:
        self._load = load
        self._engine: Engine | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="whisper")

    async def run(self, work: Callable[[Engine], Result]) -> Result:
        """Return what *work* makes of the engine. Cancelled, it drops work that waits; work that has begun ends."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._do, work)

    def _do(self, work: Callable[[Engine], Result]) -> Result:
        if self._engine is None:
            self._engine = self._load()
        return work(self._engine)
