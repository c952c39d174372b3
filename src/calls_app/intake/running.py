"""Handing over many recordings, so many at a time and so many a minute."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from calls_app.intake.items import Item
from calls_app.intake.ledger import Entry, Journal, Outcome
from calls_app.intake.receivers import Receiver, Refused, Unreachable
from calls_core.errors import CallsError

TRIES: Final = 5


@dataclass(slots=True)
class Import:
    """Hands over every item that *ledger* does not know as done. *rate* is in recordings a second, None for no limit.

    When the service stays unreachable, the import ends there; the next run does the rest.
    """

    receiver: Receiver
    ledger: Journal
    at_once: int = 4
    rate: float | None = None
    first_pause_sec: float = 1.0
    shown: Callable[[Entry], None] = lambda _: None
    counts: Counter[Outcome] = field(default_factory=Counter)
    _turn_at: float = 0.0

    async def __call__(self, items: Iterable[Item]) -> Counter[Outcome]:
        """Return how many items ended how.

        Raises:
            Unreachable: the service does not answer.
            ValueError: the source cannot be read any further.
        """
        waiting = iter(items)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.at_once):
                    group.create_task(self._work(waiting))
        except* (Unreachable, ValueError) as failed:
            raise failed.exceptions[0] from None
        return self.counts

    async def _work(self, waiting: Iterator[Item]) -> None:
        for item in waiting:
            if item.name in self.ledger.done:
                continue
            await self._turn()
            entry = await handed_over(item, self.receiver, self.first_pause_sec)
            self.ledger.note(entry)
            self.counts[entry.outcome] += 1
            self.shown(entry)

    async def _turn(self) -> None:
        if self.rate is None:
            return
        now = asyncio.get_running_loop().time()
        self._turn_at = max(self._turn_at, now) + 1 / self.rate
        await asyncio.sleep(self._turn_at - now - 1 / self.rate)


async def handed_over(item: Item, receiver: Receiver, first_pause_sec: float, tries: int = TRIES) -> Entry:
    """Hand over one item and tell how it ended; wait for a service that is away, a little longer each time.

    Raises:
        Unreachable: it was away at every try.
    """
    for number in range(tries):
        try:
            item.details()  # what cannot be described is not fetched
            async with item.at_hand() as here:
                details = await asyncio.to_thread(here.identified)
                taken = await receiver.take(details, here.path)
        except (Refused, CallsError) as error:
            return Entry(source=item.name, outcome=Outcome.REFUSED, code=error.code, detail=str(error))
        except OSError as error:
            return Entry(source=item.name, outcome=Outcome.REFUSED, code="unreadable", detail=str(error))
        except Unreachable:
            if number == tries - 1:
                raise
            await asyncio.sleep(first_pause_sec * 2**number)
        else:
            outcome = Outcome.ACCEPTED if taken.is_new else Outcome.KNOWN
            return Entry(source=item.name, outcome=outcome, call_id=taken.call_id)
    raise AssertionError(tries)
