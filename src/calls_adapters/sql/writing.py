"""What several transactions write: each function is a part of one and commits nothing."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from sqlalchemy import Insert, Table, bindparam, delete, func, insert, literal, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.rows import call_changes, call_row, event_rows, finding_rows, job_row, recording_row, step_rows
from calls_adapters.sql.tables.arrivals import holds
from calls_adapters.sql.tables.calls import call_tags, calls
from calls_adapters.sql.tables.deliveries import events
from calls_adapters.sql.tables.jobs import jobs
from calls_adapters.sql.tables.recordings import findings, recordings, step_parts, steps
from calls_adapters.sql.tables.search import call_keys, call_places
from calls_core.call import Call
from calls_core.errors import RecordingExists, UploadExpired
from calls_core.events import Event
from calls_core.job import Job
from calls_core.ports import Acceptance
from calls_core.recording import Recording
from calls_core.search import search_key

PLACES_PER_SECOND: Final = 2**24
CLEARED_AWAY: Final = "the upload took too long and its bytes were cleared away; send the recording again"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

# Put together once: that takes longer than PostgreSQL needs for them.
_ADD_EVENTS: Final = insert(events)
_SAVE_CALL: Final = update(calls).where(calls.c.id == bindparam("saved_id"))
_SAVE_RECORDING: Final = update(recordings).where(recordings.c.id == bindparam("saved_id"))


async def store_call(database: Database, connection: AsyncConnection, call: Call) -> bool:
    """Store a new call and what it is found by; return False, storing nothing, if its ``external_id`` is taken."""
    statement = database.insert(calls).values(call_row(call))
    done = await connection.execute(statement.on_conflict_do_nothing(index_elements=[calls.c.external_id]))
    if done.rowcount == 0:
        return False
    if database.is_postgres:
        await connection.execute(insert(call_keys).values(key_row(call)))
    else:
        await connection.execute(_insert_place(call))
    if call.details.tags:
        await connection.execute(insert(call_tags), [{"tag": tag, "call_id": call.id} for tag in call.details.tags])
    return True


def key_row(call: Call) -> dict[str, object]:
    return {"call_id": call.id, "started_at": call.details.started_at, "search_key": search_key(call)}


def first_place(second: datetime) -> int:
    """Return the number that places of calls start from which started in the same second as *second*."""
    return (second - _EPOCH) // timedelta(seconds=1) * PLACES_PER_SECOND


def _insert_place(call: Call) -> Insert:
    first = first_place(call.details.started_at)
    place = call_places.c.place
    taken = select(func.max(place) + 1).where(place >= first, place < first + PLACES_PER_SECOND).scalar_subquery()
    return insert(call_places).from_select(
        ["place", "call_id", "search_key"],
        select(func.coalesce(taken, first), literal(call.id, calls.c.id.type), literal(search_key(call))),
    )


async def store_events(connection: AsyncConnection, happened: Sequence[Event]) -> None:
    if happened:
        await connection.execute(_ADD_EVENTS, event_rows(happened))


async def save_call(connection: AsyncConnection, call: Call) -> None:
    """Write what may have changed of a call that nobody else can change meanwhile."""
    await connection.execute(_SAVE_CALL, {"saved_id": call.id, **call_changes(call)})


async def store_tags(database: Database, connection: AsyncConnection, call: Call) -> None:
    """Make what a call is found by the tags that it has by now."""
    gone = (call_tags.c.call_id == call.id) & call_tags.c.tag.not_in(call.tags)
    await connection.execute(delete(call_tags).where(gone))
    if call.found_tags:
        rows = [{"tag": tag, "call_id": call.id} for tag in call.found_tags]
        await connection.execute(database.insert(call_tags).on_conflict_do_nothing(), rows)


async def store_job(connection: AsyncConnection, job: Job) -> None:
    await connection.execute(insert(jobs), job_row(job))


async def accept(database: Database, connection: AsyncConnection, acceptance: Acceptance) -> None:
    """Store the recording with its steps and events, and take the hold away.

    Raises:
        RecordingExists: the call has a recording.
        UploadExpired: the hold is gone.
    """
    recording = acceptance.recording
    statement = database.insert(recordings).values(recording_row(recording))
    done = await connection.execute(statement.on_conflict_do_nothing(index_elements=[recordings.c.call_id]))
    if done.rowcount == 0:
        msg = f"call {recording.call_id} has a recording already; register another call for another one"
        raise RecordingExists(msg)
    await take_hold(connection, acceptance.held_key)
    await store_steps(database, connection, recording, [step.analyzer for step in recording.steps])
    await store_events(connection, acceptance.events)


async def take_hold(connection: AsyncConnection, key: str, otherwise: str = CLEARED_AWAY) -> None:
    """Take a hold away, because what it holds belongs to somebody from now on.

    Raises:
        UploadExpired: it is gone, as *otherwise* says.
    """
    taken = await connection.execute(holds.delete().where(holds.c.key == key, holds.c.doomed.is_(False)))
    if taken.rowcount == 0:
        raise UploadExpired(otherwise)


async def doom(database: Database, connection: AsyncConnection, keys: Iterable[str]) -> None:
    """Leave bytes to the next sweep, held or not, in one order for all who do so at once."""
    over = {"until": database.now(), "doomed": True}
    for key in sorted(keys):
        held = database.insert(holds).values(key=key, **over)
        await connection.execute(held.on_conflict_do_update(index_elements=[holds.c.key], set_=over))


async def store_steps(
    database: Database, connection: AsyncConnection, recording: Recording, analyzers: Iterable[str]
) -> None:
    rows = step_rows(recording, analyzers)
    if not rows:
        return
    await connection.execute(_upsert(steps, is_postgres=database.is_postgres), rows)


async def store_findings(
    database: Database, connection: AsyncConnection, recording: Recording, analyzers: Collection[str]
) -> None:
    """Store the findings of *analyzers*, and when the recording was changed."""
    rows = finding_rows(recording, analyzers)
    await connection.execute(_SAVE_RECORDING, {"saved_id": recording.id, "updated_at": recording.updated_at})
    if rows:
        await connection.execute(_upsert(findings, is_postgres=database.is_postgres), rows)
        made = [row["analyzer"] for row in rows]
        whole = (step_parts.c.recording_id == recording.id) & step_parts.c.analyzer.in_(made)
        await connection.execute(delete(step_parts).where(whole))


@cache
def _upsert(table: Table, *, is_postgres: bool) -> Insert:
    """Return an INSERT of whole rows, which overwrites those of the same key; putting it together takes a while."""
    return overwriting(table, postgresql.insert(table) if is_postgres else sqlite.insert(table))


def overwriting(table: Table, statement: postgresql.Insert | sqlite.Insert) -> postgresql.Insert | sqlite.Insert:
    """Return the INSERT of whole rows, which overwrites those of the same key."""
    key = table.primary_key.columns
    changed = {column.name: statement.excluded[column.name] for column in table.c if column.name not in key}
    return statement.on_conflict_do_update(index_elements=list(key), set_=changed)
