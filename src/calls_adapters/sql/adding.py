"""A new call: in PostgreSQL one statement, because the request that clients send most should cost one round trip."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ARRAY, CTE, Text, Uuid, bindparam, exists, func, insert, select
from sqlalchemy.dialects import postgresql

from calls_adapters.sql.database import Database
from calls_adapters.sql.intake import STATE
from calls_adapters.sql.keys import keep_first_answer
from calls_adapters.sql.rows import call_row
from calls_adapters.sql.standing import Standing
from calls_adapters.sql.tables.arrivals import idempotency_keys, intake
from calls_adapters.sql.tables.calls import call_tags, calls
from calls_adapters.sql.tables.deliveries import events
from calls_adapters.sql.tables.metadata import UtcDateTime
from calls_adapters.sql.tables.search import call_keys
from calls_adapters.sql.writing import store_call, store_events
from calls_core.call import Call
from calls_core.events import Event
from calls_core.ports import ANSWERS_KEPT, TOKEN_BITS, KeyedAnswer
from calls_core.search import search_key

_PAUSED: Final = exists(select(intake.c.id).where(intake.c.accepting.is_(False)))
_KNOWN: Final = exists(
    select(idempotency_keys.c.key).where(
        idempotency_keys.c.owner == bindparam("owner"), idempotency_keys.c.key == bindparam("key")
    )
)


class AddAtOnce:
    """Stores a call, what it is found by, its events and its answer in one statement, or nothing of it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        plain, keyed = _new(select(*_given()).where(~_PAUSED)), _new(select(*_given()).where(~_PAUSED, ~_KNOWN))
        self._plain: Final = Standing(select(plain.c.id).add_cte(*_along(plain)))
        self._keyed: Final = Standing(select(keyed.c.id).add_cte(*_along(keyed), _answer(keyed, database)))

    async def __call__(self, call: Call, happened: Sequence[Event], keyed: KeyedAnswer | None) -> bool:
        """Return False, storing nothing, if the intake is paused, the ``external_id`` is taken or the key is known.

        Raises:
            Taken: somebody else has come with the key in this very moment.
        """
        values: dict[str, Any] = {
            **call_row(call),
            "search_key": search_key(call),
            "tag_list": call.details.tags,
            "event_ids": [event.id for event in happened],
            "event_types": [event.type.value for event in happened],
            "event_times": [event.occurred_at for event in happened],
        }
        if keyed is None:
            return bool(await self._database.rows(self._plain, values))
        values |= {
            "owner": keyed.owner,
            "key": keyed.key,
            "token": secrets.randbits(TOKEN_BITS),
            "payload_sha256": keyed.answer.payload_sha256,
            "answer_status": keyed.answer.status,
            "location": keyed.answer.location,
            "body": keyed.answer.body,
            **self._database.moments(kept_until=ANSWERS_KEPT),
        }
        return bool(await self._database.rows(self._keyed, values))


async def add_in_steps(database: Database, call: Call, happened: Sequence[Event], keyed: KeyedAnswer | None) -> bool:
    """Do the same as ``AddAtOnce`` in any database, and take over a key that is over."""
    async with database.write() as connection:
        state = (await connection.execute(STATE)).one_or_none()
        if state is not None and not state.accepting:
            return False
        if not await store_call(database, connection, call):
            return False
        await keep_first_answer(database, connection, keyed, call.id)
        await store_events(connection, happened)
        return True


def _given() -> list[Any]:
    return [bindparam(column.name, type_=column.type).label(column.name) for column in calls.columns]


def _new(given: Any) -> CTE:  # noqa: ANN401 (a SELECT of whatever there is)
    names = [column.name for column in calls.columns]
    new = postgresql.insert(calls).from_select(names, given)
    return (
        new.on_conflict_do_nothing(index_elements=[calls.c.external_id])
        .returning(calls.c.id, calls.c.started_at)
        .cte("new")
    )


def _along(new: CTE) -> Sequence[CTE]:
    """Return what is stored with the call."""
    key = select(new.c.id, new.c.started_at, bindparam("search_key", type_=Text))
    tags = select(func.unnest(bindparam("tag_list", type_=ARRAY(Text))), new.c.id)
    happened = select(
        func.unnest(bindparam("event_ids", type_=ARRAY(Uuid))),
        func.unnest(bindparam("event_types", type_=ARRAY(Text))),
        func.unnest(bindparam("event_times", type_=ARRAY(UtcDateTime))),
        new.c.id,
    )
    return (
        insert(call_keys).from_select(["call_id", "started_at", "search_key"], key).cte("keys"),
        insert(call_tags).from_select(["tag", "call_id"], tags).cte("tags_stored"),
        insert(events).from_select(["id", "type", "occurred_at", "call_id"], happened).cte("events_stored"),
    )


def _answer(new: CTE, database: Database) -> CTE:
    keys = idempotency_keys
    values = {
        "owner": bindparam("owner", type_=Text),
        "key": bindparam("key", type_=Text),
        "token": bindparam("token", type_=keys.c.token.type),
        "until": database.moment("kept_until"),
        "payload_sha256": bindparam("payload_sha256", type_=Text),
        "status": bindparam("answer_status", type_=keys.c.status.type),
        "location": bindparam("location", type_=Text),
        "body": bindparam("body", type_=Text),
        "call_id": new.c.id,
    }
    return insert(keys).from_select(list(values), select(*values.values())).cte("answer_kept")
