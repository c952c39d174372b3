"""Which schema a database has: asked at every start, so without Alembic, whose import takes a third of a second."""

from pathlib import Path
from typing import Final

from anyio import to_thread
from sqlalchemy import Column, Connection, MetaData, Table, Text, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from calls_adapters.sql.database import normalized_url, sqlite_engine
from calls_adapters.sql.failures import database_errors

HEAD: Final = "0016"
"""The latest revision in ``migrations/versions``; a test compares the two."""

_version: Final = Table("alembic_version", MetaData(), Column("version_num", Text))


async def is_current(url: str) -> bool:
    """Tell whether the database has the schema of this release.

    Raises:
        RepositoryUnavailable: the database does not answer.
        ValueError: *url* is none of ours.
    """
    parsed = make_url(normalized_url(url))
    if parsed.get_backend_name() == "sqlite" and not await to_thread.run_sync(Path(parsed.database or "").exists):
        return False
    engine = migration_engine(url)
    try:
        with database_errors():
            async with engine.connect() as connection:
                return await connection.run_sync(_revision) == HEAD
    finally:
        await engine.dispose()


def migration_engine(url: str) -> AsyncEngine:
    """Return an engine with one connection, for what happens once."""
    parsed = make_url(normalized_url(url))
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed, connections=1, begin="BEGIN IMMEDIATE")
    return create_async_engine(parsed, connect_args={"timeout": 5})


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_version.name):
        return None
    return connection.scalar(select(_version.c.version_num))
