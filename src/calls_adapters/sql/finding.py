"""How calls are found by a piece of their caller or receiver.

PostgreSQL: ``LIKE`` over trigrams of ``call_keys``. Its planner cannot know how many calls fit, and walks in the order
of time for too long when they are few; so they are counted first, and few are all looked up and sorted.

SQLite: full-text indexes whose rows are numbered by the second in which the call started. They give back their hits in
that order, one by one, so that a page costs the same whether ten calls fit or a million, and a count reads one list of
numbers. Only calls of one and the same second have to be sorted.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, cast

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Join,
    Select,
    Text,
    column,
    func,
    literal,
    select,
    table,
    tuple_,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler

from calls_adapters.sql.tables import call_keys, call_places, calls
from calls_adapters.sql.writing import PLACES_PER_SECOND, first_place
from calls_core.search import CallFilter, Cursor, Order, PageRequest

_BIGRAM: Final = 2
_SECOND: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Found:
    """Where calls are looked for.

    *source* can be counted by itself; *joined* has the columns of ``calls`` too. *place* grows with the second.
    *count_first* tells that ``page_of`` wants to know whether there are but few.
    """

    source: FromClause
    joined: FromClause
    conditions: tuple[ColumnElement[bool], ...]
    started_at: ColumnElement[datetime]
    id: ColumnElement[Any]
    place: ColumnElement[int] | None = None
    count_first: bool = False


def found_by_time(wanted: CallFilter) -> Found:
    """Look at all calls, by their time only."""
    return _within(Found(calls, calls, (), calls.c.started_at, calls.c.id), wanted)


def found_in_postgres(wanted: CallFilter, query: str) -> Found:
    escaped = query.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    keys = call_keys.c
    joined = call_keys.join(calls, calls.c.id == keys.call_id)
    fits = keys.search_key.like(f"%{escaped}%")
    return _within(Found(call_keys, joined, (fits,), keys.started_at, keys.call_id, count_first=True), wanted)


def found_in_sqlite(wanted: CallFilter, query: str) -> Found:
    if len(query) < _BIGRAM:
        joined = call_places.join(calls, calls.c.id == call_places.c.call_id)
        fits = func.instr(call_places.c.search_key, query) > 0
        return _within(Found(joined, joined, (fits,), calls.c.started_at, calls.c.id), wanted)
    if len(query) == _BIGRAM:
        name, match = "call_bigrams", query.encode().hex()
    else:
        name, match = "call_trigrams", '"' + query.replace('"', '""') + '"'
    index = table(name, column("rowid", Integer), column(name, Text))
    place: ColumnElement[int] = index.c.rowid
    places = _NestedJoin(index, call_places, call_places.c.place == place)
    joined = _NestedJoin(places, calls, calls.c.id == call_places.c.call_id)
    conditions: list[ColumnElement[bool]] = [index.c[name].op("MATCH")(match)]
    exact = True
    if wanted.started_from is not None:
        conditions.append(place >= first_place(wanted.started_from))
        exact = wanted.started_from.microsecond == 0
    if wanted.started_until is not None:
        begun = PLACES_PER_SECOND if wanted.started_until.microsecond else 0
        conditions.append(place < first_place(wanted.started_until) + begun)
        exact = exact and wanted.started_until.microsecond == 0
    found = Found(index if exact else joined, joined, tuple(conditions), calls.c.started_at, calls.c.id, place)
    return found if exact else _within(found, wanted)


def page_of(
    found: Found, filters: Sequence[ColumnElement[bool]], request: PageRequest, *, few: bool = False
) -> Select[Any]:
    """Return the statement that reads the calls of one page, and one more if there is one."""
    newest = request.order is Order.NEWEST
    conditions = [*found.conditions, *filters]
    if request.cursor is not None:
        conditions.extend(_after(found, request.cursor, newest=newest))
    if found.place is not None:
        conditions.append(_not_beyond(found, found.place, conditions, request))
    if not few:
        calls_found = select(calls).select_from(found.joined).where(*conditions)
        return _cut(_sorted(calls_found, found.started_at, found.id, request), request)
    source = found.joined if filters else found.source
    all_few = select(found.id.label("id"), found.started_at.label("started_at")).select_from(source).where(*conditions)
    fitting = all_few.cte("fitting").prefix_with("MATERIALIZED", dialect="postgresql")
    ids = _cut(_sorted(select(fitting.c.id), fitting.c.started_at, fitting.c.id, request), request).subquery()
    return _sorted(select(calls).join(ids, ids.c.id == calls.c.id), calls.c.started_at, calls.c.id, request)


def _sorted(
    rows: Select[Any], started_at: ColumnElement[datetime], call_id: ColumnElement[Any], request: PageRequest
) -> Select[Any]:
    if request.order is Order.NEWEST:
        return rows.order_by(started_at.desc(), call_id.desc())
    return rows.order_by(started_at, call_id)


def _cut(rows: Select[Any], request: PageRequest) -> Select[Any]:
    return rows.limit(request.limit + 1).offset(request.offset or None)


def _within(found: Found, wanted: CallFilter) -> Found:
    times = []
    if wanted.started_from is not None:
        times.append(found.started_at >= wanted.started_from)
    if wanted.started_until is not None:
        times.append(found.started_at < wanted.started_until)
    return replace(found, conditions=(*found.conditions, *times))


def _after(found: Found, cursor: Cursor, *, newest: bool) -> list[ColumnElement[bool]]:
    here = tuple_(found.started_at, found.id)
    there = tuple_(literal(cursor.started_at, calls.c.started_at.type), literal(cursor.id, calls.c.id.type))
    conditions: list[ColumnElement[bool]] = [here < there if newest else here > there]
    if found.place is not None:
        first = first_place(cursor.started_at)
        conditions.append(found.place < first + PLACES_PER_SECOND if newest else found.place >= first)
    return conditions


def _not_beyond(
    found: Found, place: ColumnElement[int], conditions: Sequence[ColumnElement[bool]], request: PageRequest
) -> ColumnElement[bool]:
    """Leave out what comes after the second in which the last wanted call started, so that little has to be sorted."""
    newest = request.order is Order.NEWEST
    last = (
        select(place)
        .select_from(found.joined)
        .where(*conditions)
        .order_by(place.desc() if newest else place)
        .limit(1)
        .offset(request.offset + request.limit)
        .scalar_subquery()
    )
    second = last.op(">>")(24).op("<<")(24)
    if newest:
        return place >= func.coalesce(second, -(2**63))
    return place < func.coalesce(second + PLACES_PER_SECOND, 2**63 - 1)


class _NestedJoin(Join):
    """SQLite's CROSS JOIN: the left side is the outer loop. Its planner would begin with any index over ``calls``."""

    inherit_cache = True


@compiles(_NestedJoin)
def _compile(element: _NestedJoin, compiler: SQLCompiler, **options: Any) -> str:  # noqa: ANN401 (SQLAlchemy's own)
    left, right = (compiler.process(side, **options) for side in (element.left, element.right))
    condition = compiler.process(cast(ColumnElement[bool], element.onclause), **options)
    return f"{left} CROSS JOIN {right} ON {condition}"
