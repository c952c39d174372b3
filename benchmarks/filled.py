"""A PostgreSQL full of calls. Filling it takes minutes, so benchmarks can share one: ``--filled URL``."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy.engine import URL, make_url

from benchmarks.many_calls import fill_postgres
from benchmarks.processes import parent
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import Database, SqlCallSearch
from calls_adapters.sql.migrate import migrate
from tests.servers.postgres import PostgresServer


@dataclass(frozen=True)
class Filled:
    """*url* names a database that nobody writes to, *server* the first process of its PostgreSQL."""

    url: str
    server: int

    @contextmanager
    def copied(self) -> Iterator[str]:
        """Give the URL of a copy, which is gone after the block; nobody may be connected to the original meanwhile."""
        name = f"copy_{uuid4().hex}"
        original = make_url(self.url)
        create = f"CREATE DATABASE {name} TEMPLATE {original.database} STRATEGY file_copy"
        asyncio.run(_administer(original, create))
        try:
            yield original.set(database=name).render_as_string(hide_password=False)
        finally:
            asyncio.run(_administer(original, f"DROP DATABASE {name} WITH (FORCE)"))


@contextmanager
def filled(rows: int, url: str | None = None) -> Iterator[Filled]:
    """Start a PostgreSQL and fill it, unless *url* names a database, on this machine, in which that has been done."""
    if url is not None:
        yield Filled(url, asyncio.run(_server_of(url)))
        return
    with PostgresServer(durable=True) as server:
        made = server.create_database()
        asyncio.run(_fill(made, rows))
        yield Filled(made, server.pid)


async def _fill(url: str, rows: int) -> None:
    await migrate(url)
    await fill_postgres(url, rows)
    database = Database(url)
    search = SqlCallSearch(database, SnowballStemmer())
    while await search.count_ahead():  # as the sweep does, once the calls are there
        pass
    await database.close()
    connection = await _connect(make_url(url))
    await connection.execute("VACUUM ANALYZE")  # else PostgreSQL itself may find a moment for it
    await connection.close()


async def _administer(url: URL, statement: str) -> None:
    connection = await _connect(url.set(database="postgres"))
    await connection.execute(statement)
    await connection.close()


async def _server_of(url: str) -> int:
    connection = await _connect(make_url(url))
    server = parent(await connection.fetchval("SELECT pg_backend_pid()"))
    await connection.close()
    return server


async def _connect(url: URL) -> asyncpg.Connection:
    return await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
