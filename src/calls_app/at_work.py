"""What goes on in the background of a worker, and of a server that has one in it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dishka import AsyncContainer

from calls_app.housekeeping import Housekeeping
from calls_app.notifier import Notifier
from calls_app.worker import Worker


@asynccontextmanager
async def at_work(container: AsyncContainer) -> AsyncIterator[None]:
    """Process recordings, keep house and deliver events while the block runs."""
    worker = await container.get(Worker)
    housekeeping = await container.get(Housekeeping)
    notifier = await container.get(Notifier)
    async with worker.running(), housekeeping.running(), notifier.running():
        yield
