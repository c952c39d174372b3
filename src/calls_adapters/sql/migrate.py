"""Brings the schema of a database to that of this release, or back."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, func, select
from sqlalchemy.engine import make_url

from calls_adapters.sql.database import normalized_url
from calls_adapters.sql.failures import database_errors
from calls_adapters.sql.schema import migration_engine
from calls_core.errors import RepositoryUnavailable

LOCK: Final = 0x63616C6C73  # "calls"


async def migrate(url: str, revision: str = "head") -> None:
    """Apply what is missing, in one transaction: all of it or nothing. Any number of processes may do so at once.

    The folder and the file of an SQLite database are made.

    Raises:
        RepositoryUnavailable: the database does not answer, or was migrated by a later release.
        ValueError: *url* is none of ours.
    """
    await _run(url, lambda config: command.upgrade(config, revision))


async def downgrade(url: str, revision: str) -> None:
    """Undo migrations down to *revision*; ``base`` removes everything. Raises as ``migrate`` does."""
    await _run(url, lambda config: command.downgrade(config, revision))


async def _run(url: str, order: Callable[[Config], None]) -> None:
    parsed = make_url(normalized_url(url))
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        with database_errors():
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)

    def alone(connection: Connection) -> None:
        if connection.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        config = _config()
        config.attributes["connection"] = connection
        order(config)

    engine = migration_engine(url)
    try:
        with database_errors():
            async with engine.begin() as connection:
                await connection.run_sync(alone)
    except CommandError as error:
        msg = f"the database cannot be migrated: {error}; was it migrated by a later release?"
        raise RepositoryUnavailable(msg) from error
    finally:
        await engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "calls_adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    return config
