"""The use cases over in-memory adapters, with one fault at a chosen call: every place where it may happen can be tried.

A *process* of this world is a set of use cases whose every call into an adapter goes through ``Life``, which counts the
calls of all processes together and lets the fault happen at the one that was chosen. What is in memory of a process is
gone when it dies; the adapters' state is the disk and the database, and stays.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

from calls_adapters.memory import MemoryStorage, MemoryWakeUps
from calls_core.errors import RepositoryUnavailable, StorageUnavailable, Unavailable
from tests.faults.checker import Verdict, check
from tests.faults.script import Client
from tests.faults.small_world import Parts, Process, SmallWorld

T = TypeVar("T")
ROUNDS: Final = 30


class Died(BaseException):
    """The process is no more: nothing that handles errors may see it."""


class Kind(StrEnum):
    """What happens at the chosen call, and whether the call took effect."""

    DIES_BEFORE = "dies before"
    DIES_AFTER = "dies after"
    NO_ANSWER_NO_EFFECT = "no answer, no effect"
    NO_ANSWER_BUT_EFFECT = "no answer, but the effect"
    PAUSES = "pauses for longer than its lease"


@dataclass(frozen=True, slots=True)
class Fault:
    kind: Kind
    at: int


class Explorer:
    """One run of the script with at most one fault."""

    def __init__(self, parts: Parts, fault: Fault | None = None) -> None:
        self.world = SmallWorld(parts)
        self.calls = self.scripted_calls = 0
        self.place = ""
        self._fault = fault

    async def run(self) -> Verdict:
        """Play the script, let everything come to rest, and judge."""
        client = Client(self.world, self.process, (Died, Unavailable))
        await client.play(self.work)
        self._fault = None
        self.scripted_calls = self.calls
        for _ in range(ROUNDS):
            self.world.later(seconds=self.world.lease.total_seconds() * 2)
            await self.work()
            if self.world.is_quiet:
                break
        return check(client.uploads, await self.world.state())

    def process(self) -> Process:
        return Process(self.world, Life(self))

    async def work(self) -> None:
        """Sweep, and work until nothing is due; a worker that dies is followed by another."""
        worker = self.process()
        for act in (worker.recover, worker.process):
            with suppress(Died, Unavailable):
                while await act(f"worker-{self.calls}") and act is worker.process:
                    pass

    def due(self, name: str) -> Kind | None:
        self.calls += 1
        if self._fault is None or self._fault.at != self.calls:
            return None
        self.place = name
        return self._fault.kind

    async def meanwhile(self) -> None:
        """What others do while one process stands still."""
        for _ in range(3):
            self.world.later(seconds=self.world.lease.total_seconds() * 1.1)
            await self.work()


class Life:
    """Lets the calls of one process through until it dies."""

    def __init__(self, explorer: Explorer) -> None:
        self._explorer = explorer
        self._is_over = False

    def through(self, adapter: object) -> Any:
        return _Mortal(adapter, self)

    def die(self) -> None:
        """End the process.

        Raises:
            Died: always.
        """
        self._is_over = True
        self._explorer.world.crash()
        raise Died

    async def call(self, adapter: object, name: str, act: Callable[[], Awaitable[T]]) -> T | None:
        if self._is_over:
            raise Died
        kind = self._explorer.due(f"{type(adapter).__name__}.{name}")
        if kind is Kind.DIES_BEFORE:
            self.die()
        if kind is Kind.PAUSES:
            await self._explorer.meanwhile()
        answer = None if kind is Kind.NO_ANSWER_NO_EFFECT else await act()
        if kind is Kind.DIES_AFTER:
            self.die()
        if kind in {Kind.NO_ANSWER_NO_EFFECT, Kind.NO_ANSWER_BUT_EFFECT} and not isinstance(adapter, MemoryWakeUps):
            error = StorageUnavailable if isinstance(adapter, MemoryStorage) else RepositoryUnavailable
            raise error("no answer")
        return answer


class _Mortal:
    def __init__(self, adapter: object, life: Life) -> None:
        self._adapter = adapter
        self._life = life

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._adapter, name)
        if inspect.iscoroutinefunction(act):
            return lambda *given, **named: self._life.call(self._adapter, name, partial(act, *given, **named))
        return lambda *given, **named: self._lent(name, partial(act, *given, **named))

    @asynccontextmanager
    async def _lent(self, name: str, lend: Callable[[], Any]) -> AsyncIterator[Any]:
        async with AsyncExitStack() as lent:
            yield await self._life.call(self._adapter, name, lambda: lent.enter_async_context(lend()))


async def explored(parts: Parts, *kinds: Kind) -> AsyncIterator[tuple[Fault | None, str, Verdict]]:
    """Yield the verdict of the run without a fault, and then of every run with one of *kinds* at one of its calls."""
    quiet = Explorer(parts)
    yield None, "", await quiet.run()
    for fault in _faults(kinds or tuple(Kind), quiet.scripted_calls):
        explorer = Explorer(parts, fault)
        verdict = await explorer.run()
        yield fault, explorer.place, verdict


def _faults(kinds: tuple[Kind, ...], calls: int) -> Iterator[Fault]:
    return (Fault(kind, at) for at in range(1, calls + 1) for kind in kinds)
