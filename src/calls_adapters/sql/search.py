"""Search in a relational database."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import ColumnElement, Executable, Select, Text, cast, func, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from calls_adapters.sql.database import Database
from calls_adapters.sql.finding import (
    LOOKED_UP,
    Found,
    found_by_time,
    found_in_postgres,
    found_in_sqlite,
    page_and_total_of,
    page_and_total_of_rare,
    page_of,
    page_of_common,
)
from calls_adapters.sql.listing import count_by_time, filters_of, page_by_time, place, used
from calls_adapters.sql.pieces import COMMON, CommonPieces, pattern
from calls_adapters.sql.rows import call_from, transcript_from
from calls_adapters.sql.speech import found_by_words_in_postgres, found_by_words_in_sqlite, saying
from calls_adapters.sql.standing import Row
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.recordings import findings, recordings, steps
from calls_core.call import Call, CallStatus
from calls_core.findings import Transcript
from calls_core.ports import CallSearch, Stemmer
from calls_core.recording import CallId
from calls_core.search import COUNT_CAP, CallFilter, CallPage, Cursor, PageRequest, StatsBucket, StatsRow

_BUCKET_TEXT: Final = {StatsBucket.DAY: len("2026-01-31"), StatsBucket.HOUR: len("2026-01-31 23")}


_BY_INDEX: Final = text("SET LOCAL enable_seqscan = off")
_Filters: TypeAlias = Sequence[ColumnElement[bool]]


class SqlCallSearch(CallSearch):
    """In PostgreSQL, the pieces that at least *common* calls have are counted ahead."""

    def __init__(self, database: Database, stemmer: Stemmer, common: int = COMMON) -> None:
        self._database = database
        self._stemmer = stemmer
        self._pieces: Final = CommonPieces(database, common)

    async def count_ahead(self) -> bool:
        return self._database.is_postgres and await self._pieces.count_ahead()

    async def page(self, wanted: CallFilter, request: PageRequest) -> CallPage:
        read, total = await self._read(wanted, request)
        items = tuple(read[: request.limit])
        capped = total > COUNT_CAP and not request.exact_count
        more = len(read) > request.limit
        return CallPage(
            items=items,
            total=COUNT_CAP if capped else total,
            total_capped=capped,
            next_cursor=Cursor(started_at=items[-1].details.started_at, id=items[-1].id) if more else None,
        )

    async def _read(self, wanted: CallFilter, request: PageRequest) -> tuple[Sequence[Call], int]:
        if (values := used(wanted)) is not None:
            return await self._listed(values, request)
        found, filters = self._asked(wanted)
        ahead = await self._counted_ahead(found, filters, request)
        return ahead or await self._searched(found, filters, request)

    async def _listed(self, values: Mapping[str, Any], request: PageRequest) -> tuple[Sequence[Call], int]:
        names = tuple(values)
        page = page_by_time(names, request.order, continued=request.cursor is not None)
        read = [call_from(row) for row in await self._database.rows(page, {**values, **place(request)})]
        if not request.count:
            return read, 0
        if (total := _known_total(read, request)) is None:
            rows = await self._database.rows(count_by_time(names, exact=request.exact_count), values)
            total = rows[0]["fitting"]
        return read, total

    async def _counted_ahead(
        self, found: Found, filters: _Filters, request: PageRequest
    ) -> tuple[Sequence[Call], int] | None:
        """Return page and total if the piece alone decides, and counting ahead has told whether it is common."""
        if found.piece is None or filters or not request.count:
            return None
        known = await self._pieces.known(found.piece)
        if known.calls is not None:
            page = page_of_common(request.order, continued=request.cursor is not None)
            values = {"piece": found.piece, "most": request.limit + 1, "left_out": request.offset}
            if request.cursor is not None:
                values |= {"there_at": request.cursor.started_at, "there_id": request.cursor.id}
            return [call_from(row) for row in await self._database.rows(page, values)], known.calls
        if known.is_rare and request.cursor is None and not request.offset:
            statement = page_and_total_of_rare(request.order, request.limit)
            return _read_with_total(await self._database.rows(statement, {"pattern": pattern(found.piece)}))
        return None

    async def _searched(self, found: Found, filters: _Filters, request: PageRequest) -> tuple[Sequence[Call], int]:
        if found.expected is not None and request.count and not request.exact_count:
            return await self._looked_up(found.expected, found, filters, request)
        return await self._walked_to(found, filters, request)

    async def _walked_to(self, found: Found, filters: _Filters, request: PageRequest) -> tuple[Sequence[Call], int]:
        async with self._asking(found) as connection:
            read = await _page(connection, found, filters, request)
            if not request.count:
                return read, 0
            total = _known_total(read, request)
            return read, await _counted(connection, found, filters, request) if total is None else total

    async def _looked_up(
        self, expected: Executable, found: Found, filters: _Filters, request: PageRequest
    ) -> tuple[Sequence[Call], int]:
        async with self._asking(found) as connection:
            plan = await connection.scalar(expected)
            if plan[0]["Plan"]["Plan Rows"] <= (COUNT_CAP if found.by_index else LOOKED_UP):
                rows = (await connection.execute(page_and_total_of(found, filters, request))).mappings().all()
                return _read_with_total(rows) or (await _page(connection, found, filters, request), COUNT_CAP + 1)
        return await asyncio.gather(self._page(found, filters, request), self._count(found, filters, request))

    async def _page(self, found: Found, filters: _Filters, request: PageRequest) -> Sequence[Call]:
        async with self._asking(found) as connection:
            return await _page(connection, found, filters, request)

    async def _count(self, found: Found, filters: _Filters, request: PageRequest) -> int:
        async with self._asking(found) as connection:
            return await _counted(connection, found, filters, request)

    @asynccontextmanager
    async def _asking(self, found: Found) -> AsyncIterator[AsyncConnection]:
        if not found.by_index:
            async with self._database.one() as connection:
                yield connection
            return
        async with self._database.read() as connection:
            await connection.execute(_BY_INDEX)
            yield connection

    async def statistics(self, wanted: CallFilter, bucket: StatsBucket) -> Sequence[StatsRow]:
        found, filters = self._asked(wanted)
        start = self._start(bucket).label("start")
        counted = (
            select(
                start,
                calls.c.status,
                func.count().label("calls"),
                func.count(calls.c.duration_sec).label("measured"),
                func.coalesce(func.sum(calls.c.duration_sec), 0.0).label("duration_sec"),
                func.coalesce(func.sum(calls.c.silence_sec), 0.0).label("silence_sec"),
            )
            .select_from(found.joined)
            .where(*found.conditions, *filters)
            .group_by(literal_column("start"), calls.c.status)
            .order_by(literal_column("start"))
        )
        async with self._asking(found) as connection:
            rows = (await connection.execute(counted)).all()
        groups: dict[datetime, list[Any]] = {}
        for row in rows:
            groups.setdefault(_moment(row.start), []).append(row)
        return [
            StatsRow(
                start=moment,
                by_status={CallStatus(row.status): row.calls for row in group},
                measured=sum(row.measured for row in group),
                duration_sec=sum(row.duration_sec for row in group),
                silence_sec=sum(row.silence_sec for row in group),
            )
            for moment, group in groups.items()
        ]

    async def transcripts(self, call_ids: Collection[CallId]) -> Mapping[CallId, Transcript]:
        statement = (
            select(recordings.c.call_id, findings.c.payload)
            .join(findings, findings.c.recording_id == recordings.c.id)
            .join(steps, (steps.c.recording_id == recordings.c.id) & (steps.c.analyzer == findings.c.analyzer))
            .where(recordings.c.call_id.in_(call_ids), findings.c.kind == "transcript")
            .order_by(steps.c.position.desc())
        )
        async with self._database.one() as connection:
            rows = (await connection.execute(statement)).all()
        return {CallId(row.call_id): transcript_from(row.payload) for row in rows}  # the first step comes last

    def _asked(self, wanted: CallFilter) -> tuple[Found, _Filters]:
        is_postgres = self._database.is_postgres
        words = wanted.text and wanted.text.stemmed(self._stemmer.stem)
        filters = filters_of(wanted)
        if wanted.query is not None:
            found = (found_in_postgres if is_postgres else found_in_sqlite)(wanted, wanted.query)
            return found, [*filters, *([calls.c.id.in_(saying(words, is_postgres=is_postgres))] if words else [])]
        if words is not None:
            by_words = found_by_words_in_postgres if is_postgres else found_by_words_in_sqlite
            return by_words(wanted, words), filters
        return found_by_time(wanted), filters

    def _start(self, bucket: StatsBucket) -> ColumnElement[Any]:
        if self._database.is_postgres:
            return func.date_trunc(bucket.value, calls.c.started_at, "UTC")
        return func.substr(cast(calls.c.started_at, Text), 1, _BUCKET_TEXT[bucket])


async def _page(connection: AsyncConnection, found: Found, filters: _Filters, request: PageRequest) -> Sequence[Call]:
    rows = (await connection.execute(page_of(found, filters, request))).mappings().all()
    return [call_from(row) for row in rows]


def _read_with_total(rows: Sequence[Row]) -> tuple[Sequence[Call], int] | None:
    """Return what ``page_and_total_of`` has found, None when more calls fit than it looked up."""
    if (total := rows[0]["fitting"]) > COUNT_CAP:
        return None
    return [call_from(row) for row in rows if row["id"] is not None], total


def _known_total(read: Sequence[Call], request: PageRequest) -> int | None:
    """Return how many calls fit, if *read*, a page and the call after it, tells as much."""
    is_end = len(read) <= request.limit and (len(read) > 0 or not request.offset)
    return request.offset + len(read) if is_end and request.cursor is None else None


async def _counted(connection: AsyncConnection, found: Found, filters: _Filters, request: PageRequest) -> int:
    """Return how many calls fit; when not asked for the exact number, any that is greater than the cap may do."""
    fitting: Select[Any] = select(literal_column("1")).select_from(found.joined if filters else found.source)
    fitting = fitting.where(*found.conditions, *filters)
    if not request.exact_count:
        fitting = fitting.limit(COUNT_CAP + 1)
    return await connection.scalar(select(func.count()).select_from(fitting.subquery())) or 0


def _moment(start: datetime | str) -> datetime:
    moment = datetime.fromisoformat(start) if isinstance(start, str) else start
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
