"""Which indexes the databases use: what is quick with ten rows must stay so with ten million."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import Database, SqlCallSearch, SqlEventFeed, SqlHolds, SqlJobQueue
from calls_adapters.sql.migrate import migrate
from calls_adapters.sql.standing import Row, Standing, ask_driver
from calls_core.call import CallStatus
from calls_core.job import JobId
from calls_core.search import CallFilter, PageRequest

pytestmark = pytest.mark.anyio

FILL = (
    """
INSERT INTO calls (id, caller, receiver, started_at, agent, tags, metadata, status, version, created_at, updated_at)
SELECT gen_random_uuid(), '+7' || (random() * 1e10)::bigint, '102', now() - n * interval '1 s', 'agent' || n % 200,
       '[]', '{}', CASE WHEN n % 50 = 0 THEN 'failed' ELSE 'ready' END, 2, now(), now()
FROM generate_series(1, 20000) AS n
""",
    "INSERT INTO call_keys SELECT id, started_at, caller FROM calls",
    "INSERT INTO call_words SELECT id, started_at, ' a ', array_to_tsvector(ARRAY['w' || random()]) FROM calls",
    "INSERT INTO call_tags SELECT 'tag' || random(), id FROM calls",
    """
INSERT INTO jobs (id, call_id, state, run_at, deadline_at, attempt, max_attempts, deferrals, token, lease_until,
                  created_at)
SELECT gen_random_uuid(), id, CASE WHEN random() < 0.01 THEN 'queued' WHEN random() < 0.002 THEN 'running' ELSE 'done'
       END, started_at, started_at + interval '1 day', 1, 5, 0, 1, now() + interval '60 s', started_at
FROM calls
""",
    "ANALYZE",
)
MINUTE = timedelta(minutes=1)
Plans = Callable[[Awaitable[object]], Awaitable[list[str]]]


@pytest.fixture
async def database(empty_url: str) -> AsyncIterator[Database]:
    await migrate(empty_url)
    made = Database(empty_url)
    if made.is_postgres:
        await fill(made)
    yield made
    await made.close()


async def fill(database: Database) -> None:
    """PostgreSQL decides by what there is: give it 20,000 calls, of which few are failed, queued or running."""
    async with database.write() as connection:
        for statement in FILL:
            await connection.execute(text(statement))


@pytest.fixture
def plans(database: Database, monkeypatch: pytest.MonkeyPatch) -> Plans:
    """How the statements that some work sends are carried out, as the database explains it."""
    engines: set[AsyncEngine] = {database._writer, database._reader}  # noqa: SLF001 (the way in for a listener)

    async def explained(work: Awaitable[object]) -> list[str]:
        sent: list[tuple[str, Any]] = []

        def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
            sent.append((statement, parameters))

        async def noted(engine: AsyncEngine, standing: Standing, values: Mapping[str, Any]) -> Sequence[Row]:
            asked = standing.sent(engine.dialect)
            if "common_pieces" not in asked.text:  # small, and asked before the question itself
                sent.append((asked.text, tuple(asked.arguments(values))))
            return await ask_driver(engine, standing, values)

        monkeypatch.setattr("calls_adapters.sql.database.ask_driver", noted)
        for engine in engines:
            event.listen(engine.sync_engine, "before_cursor_execute", note)
        await work
        for engine in engines:
            event.remove(engine.sync_engine, "before_cursor_execute", note)
        return [
            await plan(statement, parameters)
            for statement, parameters in sent
            if not statement.startswith(("BEGIN", "EXPLAIN", "SET"))
        ]

    async def plan(statement: str, parameters: Any) -> str:
        async with database.write() as connection:
            if database.is_postgres:
                await connection.execute(text("SET LOCAL enable_seqscan = off"))
            how = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN"
            rows = (await connection.exec_driver_sql(f"{how} {statement}", parameters)).all()
        return "\n".join(str(row[-1]) for row in rows)

    return explained


async def test_the_queue_is_never_read_whole(database: Database, plans: Plans) -> None:
    """Each question to the queue has an index that holds little more than the answer."""
    jobs = SqlJobQueue(database, SnowballStemmer())

    claim = await plans(jobs.claim("w1", MINUTE))
    named = await plans(jobs.claim("w1", MINUTE, JobId(UUID(int=1))))
    hopeless = await plans(jobs.claim_hopeless("w1", MINUTE))
    unannounced = await plans(jobs.unannounced(10, MINUTE))
    others = [await plans(work) for work in (jobs.requeue_expired(), jobs.holders(), jobs.depth(), jobs.oldest())]

    assert "ix_jobs_due" in claim[0]
    assert "jobs_pkey" in named[0] or "sqlite_autoindex_jobs_1" in named[0]
    for plan, index in zip(hopeless, ("ix_jobs_deadline", "ix_jobs_used_up", "ix_jobs_lease"), strict=True):
        assert index in plan
    assert "ix_jobs_lease" in others[0][0]
    assert "ix_jobs_lease" in others[1][0]
    assert "uq_jobs_live" in others[2][0]
    assert "uq_jobs_live" in others[3][0]
    assert "ix_jobs_" in unannounced[0]
    assert "Seq Scan" not in "".join(claim + named + hopeless + unannounced)
    if not database.is_postgres:
        assert "SCAN jobs" not in "".join(claim + named + hopeless + others[0]).replace("SCAN jobs USING", "")


async def test_expired_holds_are_found_by_their_end(database: Database, plans: Plans) -> None:
    """There are as many holds as uploads on their way."""
    await asyncio.gather(*(SqlHolds(database).hold(str(number), MINUTE) for number in range(20)))

    assert "holds" in (await plans(SqlHolds(database).expired(10, MINUTE)))[0]


async def test_old_events_are_found_by_their_age(database: Database, plans: Plans) -> None:
    """Most sweeps find none, and must not read the feed to see that."""
    for plan in await plans(SqlEventFeed(database).forget(datetime(2000, 1, 1, tzinfo=UTC), 10)):
        assert "ix_events_occurred_at" in plan


async def test_search_has_an_index_for_each_filter(database: Database, plans: Plans) -> None:
    """What is asked first is found by it, and nothing is read whole."""
    words = {"ix_call_words_terms", "spoken_words VIRTUAL TABLE INDEX"}
    trigrams = {"ix_call_keys_search_key", "call_trigrams VIRTUAL TABLE INDEX"}
    for wanted, index in (
        (CallFilter(), {"ix_calls_started_at_id"}),
        (CallFilter(status=CallStatus.FAILED), {"ix_calls_status_started_at_id"}),
        (CallFilter(agent="agent7"), {"ix_calls_agent_started_at_id"}),
        (CallFilter(tag="tag1"), {"call_tags_pkey", "sqlite_autoindex_call_tags_1"}),
        (CallFilter(query="7900123"), trigrams),
        (CallFilter(query="7900123", status=CallStatus.READY), trigrams),
        (CallFilter.checked(text="cancelled"), words),
        (CallFilter.checked(text='"the contract" -no', agent="agent7"), words),
    ):
        asked = await plans(SqlCallSearch(database, SnowballStemmer()).page(wanted, PageRequest(offset=1)))

        assert any(name in asked[0] for name in index), asked[0]
        assert not any("Seq Scan" in plan or "SCAN calls\n" in f"{plan}\n" for plan in asked)


@pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)
@pytest.mark.requires("sqlite")
async def test_sqlite_reads_hits_in_the_order_of_time(database: Database, plans: Plans) -> None:
    """The full-text index is the outer loop, whatever other filters there are."""
    wanted = CallFilter(query="7900123", status=CallStatus.READY, agent="a")

    page = (await plans(SqlCallSearch(database, SnowballStemmer()).page(wanted, PageRequest())))[0]

    loops = [
        line.split(" USING ")[0].split(" INDEX ")[0]
        for line in page.splitlines()
        if line.startswith(("SCAN", "SEARCH"))
    ]
    once = ["SCAN call_trigrams VIRTUAL TABLE", "SEARCH call_places", "SEARCH calls"]
    assert Counter(loops) == Counter([*once, *once])
