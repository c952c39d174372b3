"""Counts made ahead, in PostgreSQL: true at any moment, whoever adds, erases, counts or dies meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import delete, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql import Database, SqlCallRepository, SqlCallSearch
from calls_adapters.sql.frequent import frequent_pieces
from calls_adapters.sql.migrate import migrate
from calls_adapters.sql.pieces import CommonPieces
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.writing import store_call
from calls_core.call import Call
from calls_core.events import EventType
from calls_core.search import CallFilter, Order, PageRequest
from tests.contracts.worlds import STEMMER, memory_world

T = TypeVar("T")

COMMON = 2
# Few and alike, with what LIKE has a meaning for.
PARTIES = st.sampled_from(["aaaa", "aa7aa", "7a%aa", "Яaa_\\a", "7"])
PIECES = st.sampled_from(["aa", "aaa", "a%a", "яaa", "a_\\a", "7aa", "zz", "a7aa"])


class Undone(Exception):
    """Rolls back."""


@dataclass
class Unfinished:
    """A transaction that stays open, with the calls that its end would add and erase."""

    stack: AsyncExitStack
    connection: AsyncConnection
    added: list[Call] = field(default_factory=list)
    erased: list[Call] = field(default_factory=list)


class CountingMachine(RuleBasedStateMachine):
    """Calls in memory beside those in PostgreSQL, over which two processes search and count."""

    told = 0

    def __init__(self, database: Database, run: Callable[[Awaitable[T]], T]) -> None:
        super().__init__()
        self.database, self.run = database, run
        self.world = memory_world()
        self.calls = SqlCallRepository(database)
        self.processes = [SqlCallSearch(database, STEMMER, COMMON) for _ in range(2)]
        self.there: list[Call] = []
        self.unfinished: Unfinished | None = None
        self.run(self.forget())

    async def forget(self) -> None:
        async with self.database.write() as connection:
            for table in ("calls", "events", "audit", "key_changes", "common_pieces"):
                await connection.execute(text(f"DELETE FROM {table}"))

    @rule(caller=PARTIES, receiver=PARTIES)
    def add(self, caller: str, receiver: str) -> None:
        call = self.world.new_call(caller=caller, receiver=receiver)
        self.run(self.calls.add(call, []))
        self.add_beside(call)

    @precondition(lambda self: self.there)
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        call = self.there.pop(data.draw(st.integers(0, len(self.there) - 1)))
        self.run(self.calls.erase(call.id, self.world.event(call.id, EventType.CALL_DELETED)))
        self.run(self.world.calls.erase(call.id, self.world.event(call.id, EventType.CALL_DELETED)))

    @precondition(lambda self: self.unfinished is None)
    @rule(caller=PARTIES, receiver=PARTIES)
    def begin_adding(self, caller: str, receiver: str) -> None:
        call = self.world.new_call(caller=caller, receiver=receiver)
        self.unfinished = self.run(self.opened())
        self.run(store_call(self.database, self.unfinished.connection, call))
        self.unfinished.added.append(call)

    @precondition(lambda self: self.unfinished is None and self.there)
    @rule()
    def begin_erasing(self) -> None:
        call = self.there.pop()
        self.unfinished = self.run(self.opened())
        self.run(self.unfinished.connection.execute(delete(calls).where(calls.c.id == call.id)))
        self.unfinished.erased.append(call)

    @precondition(lambda self: self.unfinished)
    @rule(commits=st.booleans())
    def end(self, commits: bool) -> None:  # noqa: FBT001 (Hypothesis calls it)
        unfinished, self.unfinished = self.unfinished, None
        assert unfinished is not None
        if not commits:
            self.run(unfinished.stack.__aexit__(Undone, Undone(), None))
            self.there += unfinished.erased
            return
        self.run(unfinished.stack.aclose())
        for call in unfinished.added:
            self.add_beside(call)
        for call in unfinished.erased:
            self.run(self.world.calls.erase(call.id, self.world.event(call.id, EventType.CALL_DELETED)))

    @rule(process=st.integers(0, 1), steps=st.integers(1, 30))
    def count_ahead(self, process: int, steps: int) -> None:
        for _ in range(steps):
            if not self.run(self.processes[process].count_ahead()):
                break

    @rule(process=st.integers(0, 1))
    def die(self, process: int) -> None:
        """Another process comes in its place, and surveys what there is by now."""
        self.run(self.execute("ANALYZE call_keys"))
        self.processes[process] = SqlCallSearch(self.database, STEMMER, COMMON)
        self.count_ahead(process, 2)

    @rule(piece=PIECES, process=st.integers(0, 1), order=st.sampled_from(Order))
    def search(self, piece: str, process: int, order: Order) -> None:
        wanted, request = CallFilter(query=piece), PageRequest(limit=2, order=order)
        expected = self.run(self.world.search.page(wanted, request))
        following = replace(request, cursor=expected.next_cursor)
        known = self.run(CommonPieces(self.database, COMMON).known(piece)).calls
        search = self.processes[process]

        assert self.run(search.page(wanted, request)) == expected
        assert self.run(search.page(wanted, following)) == self.run(self.world.search.page(wanted, following))
        assert known in {None, expected.total}
        type(self).told += known is not None

    def teardown(self) -> None:
        if self.unfinished:
            self.end(commits=True)
        for piece in ("aa", "aaa", "яaa", "a7aa"):
            self.search(piece, 0, Order.NEWEST)

    def add_beside(self, call: Call) -> None:
        self.run(self.world.calls.add(call, []))
        self.there.append(call)

    async def opened(self) -> Unfinished:
        stack = AsyncExitStack()
        return Unfinished(stack, await stack.enter_async_context(self.database.write()))

    async def execute(self, statement: str) -> None:
        async with self.database.change() as connection:
            await connection.execute(text(statement))


@pytest.fixture
def run() -> Iterator[Callable[[Awaitable[T]], T]]:
    """Runs a coroutine, in one loop for the whole test."""

    async def awaited(work: Awaitable[T]) -> T:
        return await work

    with asyncio.Runner() as runner:
        yield lambda work: runner.run(awaited(work))


@pytest.mark.requires("postgres")
def test_counts_are_true_at_any_moment(postgres_url: str, run: Callable[[Awaitable[T]], T]) -> None:
    """Pages and totals are those of the adapter in memory, and counts made ahead were among them."""
    run(migrate(postgres_url))
    database = Database(postgres_url)
    CountingMachine.told = 0
    try:
        run_state_machine_as_test(
            lambda: CountingMachine(database, run),
            settings=settings(max_examples=15, stateful_step_count=30, deadline=None, phases=[Phase.generate]),
        )
    finally:
        run(database.close())

    assert CountingMachine.told > 0


@pytest.mark.requires("postgres")
@pytest.mark.anyio
async def test_counts_survive_everybody_at_once(postgres_url: str) -> None:
    """Four add and erase, two count: nothing is counted twice, or not at all."""
    await migrate(postgres_url)
    database, world = Database(postgres_url), memory_world()
    repository = SqlCallRepository(database)
    counting = [CommonPieces(database, COMMON) for _ in range(2)]
    stays = [world.new_call(caller=f"7921{number:03}") for number in range(40)]

    async def add(made: list[Call]) -> None:
        for call in made:
            await repository.add(call, [])
            passing = world.new_call(caller=f"7921{call.id.int % 1000:03}")
            await repository.add(passing, [])
            await repository.erase(passing.id, world.event(passing.id, EventType.CALL_DELETED))

    async def count(pieces: CommonPieces) -> None:
        while not added.is_set():
            await pieces.count_ahead()

    added = asyncio.Event()
    async with database.change() as connection:
        await repository.add(stays.pop(), [])
        await repository.add(stays.pop(), [])
        await connection.execute(text("ANALYZE call_keys"))
    counters = [asyncio.create_task(count(pieces)) for pieces in counting]
    await asyncio.gather(*(add(stays[start::4]) for start in range(4)))
    added.set()
    await asyncio.gather(*counters)

    assert (await CommonPieces(database, COMMON).known("7921")).calls == len(stays) + 2
    while any([await pieces.count_ahead() for pieces in counting]):
        pass
    assert (await CommonPieces(database, COMMON).known("7921")).calls == len(stays) + 2
    await database.close()


@given(
    keys=st.lists(st.text("ab\n", max_size=9), max_size=12),
    at_least=st.integers(1, 4),
    longest=st.integers(2, 6),
)
def test_frequent_pieces_are_all_that_are_frequent(keys: list[str], at_least: int, longest: int) -> None:
    """What a count of every piece of every key tells, but for pieces that no query can be."""
    pieces = {key[i:j] for key in keys for j in range(len(key) + 1) for i in range(j) if 2 <= j - i <= longest}
    counts = {piece: sum(piece in key for key in keys) for piece in pieces if "\n" not in piece}

    assert frequent_pieces(keys, at_least, longest) == {
        piece: count for piece, count in counts.items() if count >= at_least
    }
