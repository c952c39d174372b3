"""Migrations: from nothing to this release, and back."""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from calls_adapters.sql import Database
from calls_adapters.sql.migrate import downgrade, migrate
from calls_adapters.sql.schema import HEAD, is_current
from calls_adapters.sql.tables.metadata import metadata
from calls_core.errors import RepositoryUnavailable
from calls_core.recording import StepPlan
from calls_core.search import CallFilter, PageRequest
from tests.contracts.worlds import TRANSCRIPT, sql_world

pytestmark = pytest.mark.anyio

MIGRATE = "import asyncio, sys; from calls_adapters.sql.migrate import migrate; asyncio.run(migrate(sys.argv[1]))"


def revisions() -> list[str]:
    config = Config()
    config.set_main_option("script_location", "calls_adapters.sql:migrations")
    config.set_main_option("path_separator", "os")
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


async def inspected(url: str, look: Any) -> Any:
    database = Database(url)
    try:
        async with database.read() as connection:
            return await connection.run_sync(look)
    finally:
        await database.close()


def differences(connection: Connection) -> list[object]:
    dialect = connection.dialect.name

    def is_ours(item: Any, name: str | None, kind: str, reflected: bool, _other: object) -> bool:  # noqa: FBT001
        if kind == "table" and reflected:
            # SQLite's full-text tables are made by statements of their own.
            return not (name or "").startswith(("call_trigrams", "call_bigrams", "spoken_words"))
        wanted = item.info.get("dialect", dialect)
        return bool(wanted == dialect)

    context = MigrationContext.configure(connection, opts={"include_object": is_ours, "compare_type": True})
    return list(compare_metadata(context, metadata))


async def test_the_head_is_the_schema_of_the_code(empty_url: str) -> None:
    """Whatever the tables in the code say, the migrations make, types and indexes included; and nothing more."""
    await migrate(empty_url)

    assert await inspected(empty_url, differences) == []


async def test_every_migration_goes_down_and_up_again(empty_url: str) -> None:
    """Going back to nothing leaves nothing."""
    before = "base"
    for revision in revisions():
        await migrate(empty_url, revision)
        await downgrade(empty_url, before)
        await migrate(empty_url, revision)
        before = revision
    assert await is_current(empty_url)

    await downgrade(empty_url, "base")

    assert not await is_current(empty_url)
    assert await inspected(empty_url, lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]


async def test_transcripts_are_found_after_migrating(empty_url: str) -> None:
    """Those of an earlier release by their words, each call by the transcript of its first step; and back again."""
    await migrate(empty_url)
    world = sql_world(empty_url)
    said = [replace(TRANSCRIPT, text=f"Договоры №{number}\n it's cancelled") for number in range(3)]
    plan = [StepPlan(analyzer="b", version="1"), StepPlan(analyzer="a", version="1")]
    calls = [await world.finished({"a": second, "b": TRANSCRIPT}, plan=plan) for second in said[:1]]
    calls += [await world.finished({"b": first, "a": TRANSCRIPT}, plan=plan) for first in said[1:]]
    await world.close()
    kept = await inspected(empty_url, words)

    await downgrade(empty_url, "0009")
    before = await inspected(empty_url, lambda it: it.execute(text("SELECT said FROM recordings")).scalars().all())
    await migrate(empty_url)

    assert sorted(before)[1:] == ["договоры №1 it's cancelled", "договоры №2 it's cancelled"]
    assert await inspected(empty_url, words) == kept
    world = sql_world(empty_url)
    for asked, found in (("договор cancelling", calls[:0:-1]), ('"добрый день"', calls[:1]), ("2", calls[2:])):
        page = await world.search.page(CallFilter.checked(text=asked), PageRequest())
        assert [call.id for call in page.items] == [call.id for call in found]
    await world.close()


def words(connection: Connection) -> list[str]:
    table = "call_words" if connection.dialect.name == "postgresql" else "place_words"
    return sorted(connection.execute(text(f"SELECT words FROM {table}")).scalars())


def test_the_head_is_known_without_alembic() -> None:
    """The number that a start compares with is that of the latest migration."""
    assert revisions()[-1] == HEAD


async def test_migrating_twice_is_harmless(empty_url: str) -> None:
    """A start that finds nothing to do does nothing."""
    assert not await is_current(empty_url)
    await migrate(empty_url)
    await migrate(empty_url)

    assert await is_current(empty_url)


async def test_processes_may_start_at_once(empty_url: str) -> None:
    """Six processes migrate the same empty database: each ends well, and the schema is there once."""
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", MIGRATE, empty_url, stderr=asyncio.subprocess.PIPE, cwd=Path.cwd()
        )
        for _ in range(6)
    ]
    ended = [(await process.communicate())[1].decode() for process in started]

    assert [(process.returncode, errors[-500:]) for process, errors in zip(started, ended, strict=True)] == [
        (0, "")
    ] * 6
    assert await inspected(empty_url, differences) == []


async def test_a_database_of_a_later_release_is_refused(empty_url: str) -> None:
    """With a sentence that says so, and left as it is."""
    await migrate(empty_url)
    database = Database(empty_url)
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()

    with pytest.raises(RepositoryUnavailable, match="later release"):
        await migrate(empty_url)
    assert not await is_current(empty_url)
