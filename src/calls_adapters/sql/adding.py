"""A new call in PostgreSQL, in one statement: the request that clients send most should cost one round trip."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, Text, Uuid, bindparam, func, insert, select
from sqlalchemy.dialects import postgresql

from calls_adapters.sql.database import Database
from calls_adapters.sql.rows import call_row
from calls_adapters.sql.tables import UtcDateTime, call_keys, call_tags, calls, events
from calls_core.call import Call
from calls_core.events import Event
from calls_core.search import search_key

_new = (
    postgresql.insert(calls)
    .values({column.name: bindparam(column.name) for column in calls.columns})
    .on_conflict_do_nothing(index_elements=[calls.c.external_id])
    .returning(calls.c.id, calls.c.started_at)
    .cte("new")
)
_keys = (
    insert(call_keys)
    .from_select(
        ["call_id", "started_at", "search_key"],
        select(_new.c.id, _new.c.started_at, bindparam("search_key", type_=Text)),
    )
    .cte("keys")
)
_tags = (
    insert(call_tags)
    .from_select(["tag", "call_id"], select(func.unnest(bindparam("tag_list", type_=ARRAY(Text))), _new.c.id))
    .cte("tags_stored")
)
_events = (
    insert(events)
    .from_select(
        ["id", "type", "occurred_at", "call_id"],
        select(
            func.unnest(bindparam("event_ids", type_=ARRAY(Uuid))),
            func.unnest(bindparam("event_types", type_=ARRAY(Text))),
            func.unnest(bindparam("event_times", type_=ARRAY(UtcDateTime))),
            _new.c.id,
        ),
    )
    .cte("events_stored")
)
_ADD: Final = select(_new.c.id).add_cte(_keys, _tags, _events)


async def add_at_once(database: Database, call: Call, happened: Sequence[Event]) -> bool:
    """Store the call, what it is found by, and its events; return False, storing nothing, if its ``external_id`` is
    taken."""
    parameters: dict[str, Any] = {
        **call_row(call),
        "search_key": search_key(call),
        "tag_list": list(call.details.tags),
        "event_ids": [event.id for event in happened],
        "event_types": [event.type.value for event in happened],
        "event_times": [event.occurred_at for event in happened],
    }
    return bool(await database.changed(_ADD, parameters))
