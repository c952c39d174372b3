"""Work in the background that is done again and again, and outlives whatever one round of it meets."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import NoReturn

from calls_core.errors import Unavailable


async def repeat(
    name: str,
    work: Callable[[], Awaitable[object]],
    every: timedelta,
    log: logging.Logger,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> NoReturn:
    """Do *work* until this is cancelled. After each round *pause* is given the seconds until the next one."""
    while True:
        try:
            await work()
        except Unavailable as error:
            log.warning("%s waits: %s", name, error)
        except Exception:
            log.exception("%s met an error of ours", name)
        await pause(spread(every))


def spread(every: timedelta) -> float:
    """Return the seconds of *every*, give or take a fifth: many processes shall not ask at the same moment."""
    return every.total_seconds() * random.uniform(0.8, 1.2)  # noqa: S311 (guards nothing)
