"""The end of a job in PostgreSQL, in one statement: what a worker writes most often should cost one round trip."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ARRAY,
    CTE,
    Column,
    Select,
    Table,
    Text,
    all_,
    any_,
    bindparam,
    delete,
    func,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.rows import call_changes, event_rows, finding_rows, step_rows
from calls_adapters.sql.tables.calls import call_tags, calls
from calls_adapters.sql.tables.deliveries import events
from calls_adapters.sql.tables.jobs import jobs
from calls_adapters.sql.tables.metadata import UtcDateTime
from calls_adapters.sql.tables.recordings import findings, recordings, step_parts, steps
from calls_adapters.sql.tables.search import call_words
from calls_adapters.sql.writing import overwriting
from calls_core.call import Call
from calls_core.events import Event
from calls_core.job import Claim
from calls_core.recording import Recording
from calls_core.spoken import indexed_terms

_CALL_CHANGES: Final = (
    "status",
    "duration_sec",
    "silence_sec",
    "failure_code",
    "failure_detail",
    "found_tags",
    "version",
    "updated_at",
)

_held = (
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.token == bindparam("held_token"), jobs.c.state == "running")
    .values(
        state="done",
        lease_owner=null(),
        lease_until=null(),
        finished_at=func.coalesce(bindparam("now", type_=UtcDateTime), func.statement_timestamp()),
    )
    .returning(jobs.c.call_id)
    .cte("held")
)


def _given(table: Table) -> Select[Any]:
    """Return the rows of *table* that the statement is given, a list for each column; none unless the job is held."""
    lists = (
        func.unnest(bindparam(_name(table, column.name), type_=ARRAY(column.type))).label(column.name)
        for column in _written(table)
    )
    return select(*lists).select_from(_held)


def _stored(table: Table) -> CTE:
    statement = insert(table).from_select([column.name for column in _written(table)], _given(table))
    return overwriting(table, statement).cte(f"{table.name}_stored")


def _written(table: Table) -> list[Column[Any]]:
    return [column for column in table.columns if "later" not in column.info]


def _name(table: Table, column: str) -> str:
    return f"{table.name}_{column}"


_call = (
    update(calls)
    .where(calls.c.id == _held.c.call_id)
    .values({name: bindparam(_name(calls, name), type_=calls.c[name].type) for name in _CALL_CHANGES})
    .cte("call_saved")
)
_recording = (
    update(recordings)
    .where(recordings.c.call_id == _held.c.call_id)
    .values(
        updated_at=func.coalesce(bindparam("recording_updated_at", type_=UtcDateTime), recordings.c.updated_at),
    )
    .cte("recording_saved")
)
_words = bindparam("words", type_=Text)
_terms = bindparam("terms", type_=ARRAY(Text))
_searched = insert(call_words).from_select(
    ["call_id", "started_at", "words", "terms"],
    select(calls.c.id, calls.c.started_at, _words, func.array_to_tsvector(_terms)).where(
        calls.c.id == _held.c.call_id, _words.is_not(None)
    ),
)
_words_stored = overwriting(call_words, _searched).cte("words_stored")
_tag_list = bindparam("tag_list", type_=ARRAY(Text))
_tags_gone = (
    delete(call_tags).where(call_tags.c.call_id == _held.c.call_id, call_tags.c.tag != all_(_tag_list)).cte("tags_gone")
)
_tags = (
    insert(call_tags)
    .from_select(["tag", "call_id"], select(func.unnest(_tag_list), _held.c.call_id))
    .on_conflict_do_nothing()
    .cte("tags_stored")
)
_its_id = select(recordings.c.id).where(recordings.c.call_id == _held.c.call_id).scalar_subquery()
_made = bindparam("made", type_=ARRAY(Text))
_parts_gone = (
    delete(step_parts)
    .where(step_parts.c.recording_id == _its_id, step_parts.c.analyzer == any_(_made))
    .cte("parts_gone")
)
_FINISH: Final = select(_held.c.call_id).add_cte(
    _call,
    _recording,
    _words_stored,
    _tags_gone,
    _tags,
    _parts_gone,
    _stored(steps),
    _stored(findings),
    insert(events).from_select([column.name for column in _written(events)], _given(events)).cte("events_stored"),
)


async def finish_at_once(
    connection: AsyncConnection,
    now: datetime | None,
    claim: Claim,
    call: Call,
    recording: Recording | None,
    happened: Sequence[Event],
    fresh: Collection[str],
    words: str | None,
) -> bool:
    """End the job and store all that came of it; return False, storing nothing, if the job is not held any more.

    *now* is the database's own moment if it is None; without *words* the call is found by those that it was.
    """
    found = finding_rows(recording, fresh) if recording else []
    parameters: dict[str, Any] = {
        "job_id": claim.job.id,
        "held_token": claim.token,
        "now": now,
        **{_name(calls, name): value for name, value in call_changes(call).items()},
        "recording_updated_at": recording.updated_at if recording else None,
        "words": words,
        "terms": indexed_terms(words or ""),
        "tag_list": list(call.tags),
        **_lists(steps, step_rows(recording, [s.analyzer for s in recording.steps]) if recording else ()),
        **_lists(findings, found),
        "made": [row["analyzer"] for row in found],
        **_lists(events, event_rows(happened)),
    }
    return await connection.scalar(_FINISH, parameters) is not None


def _lists(table: Table, rows: Iterable[Mapping[str, Any]]) -> dict[str, list[Any]]:
    taken = list(rows)
    return {_name(table, column.name): [row[column.name] for row in taken] for column in _written(table)}
