"""A worker's lease, kept up while the work lasts."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, Final, TypeAlias, TypeVar

from calls_core.errors import LeaseLost, Unavailable
from calls_core.job import Patience
from calls_core.use_cases.run_step import STEP_LIMIT

ATTEMPT_LIMIT: Final = STEP_LIMIT * 4

T = TypeVar("T")

Renew: TypeAlias = Callable[[timedelta], Awaitable[None]]
"""Makes the lease end so much later than now; raises ``LeaseLost``."""

_log = logging.getLogger("calls.process")


async def while_leased(
    renew: Renew, patience: Patience, work: Coroutine[Any, Any, T], limit: timedelta = ATTEMPT_LIMIT
) -> T:
    """Return what *work* returns, renewing the lease until then.

    Raises:
        LeaseLost: it is lost, or the attempt has taken far too long; *work* was cancelled.
    """
    working = asyncio.create_task(work)
    heart = asyncio.create_task(_beat(renew, patience, limit))
    try:
        done, _ = await asyncio.wait({working, heart}, return_when=asyncio.FIRST_COMPLETED)
        if working not in done:
            await end_tasks(patience, working)
            await heart
        return await working
    finally:
        await end_tasks(patience, working, heart)


async def end_tasks(patience: Patience, *tasks: asyncio.Task[Any]) -> None:
    """Cancel *tasks*, and leave one alone that does not listen: it must not take its slot with it."""
    for task in tasks:
        task.cancel()
    _, deaf = await asyncio.wait(tasks, timeout=patience.heartbeat.total_seconds())
    for task in tasks:
        task.add_done_callback(_forget)
    if deaf:
        _log.error("an analyzer does not end although it was cancelled; its author must mend it")


async def _beat(renew: Renew, patience: Patience, limit: timedelta) -> None:
    """Renew the lease; end with ``LeaseLost`` when it is lost, or when the attempt has taken far too long."""
    misses = 0
    for _ in range(limit // patience.heartbeat):
        await asyncio.sleep(patience.heartbeat.total_seconds())
        try:
            await renew(patience.lease)
            misses = 0
        except Unavailable as error:
            misses += 1
            if misses > 1:
                msg = "the lease could not be renewed in time"
                raise LeaseLost(msg) from error
    msg = f"the attempt took longer than {limit}"
    raise LeaseLost(msg)


def _forget(task: asyncio.Task[Any]) -> None:
    """Look at how a task ended whose end matters to nobody, so that asyncio does not complain."""
    if not task.cancelled():
        task.exception()
