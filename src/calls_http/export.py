"""Every call that fits, as CSV for spreadsheets or as JSON lines for programs."""

import csv
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, QueryParameter
from litestar.response.base import ASGIResponse

from calls_core.call import Call
from calls_core.hearing import Hearing
from calls_core.recording import CallId
from calls_core.search import CallFilter
from calls_core.use_cases.read_calls import ExportCalls, ExportChosen
from calls_http import wire
from calls_http.access import actor_of
from calls_http.documentation import READS_BODY, TEXT, operation, problems
from calls_http.queries import FILTERED, refuse_unknown_parameters
from calls_http.streaming import StreamedResponse
from calls_http.wire.exports import ListFormat

PIECE: Final = 64 * 1024
COLUMNS: Final = (
    *(name for name in wire.Call.__struct_fields__ if name not in {"failure", "legal_hold"}),
    "failure_code",
    "failure_detail",
    "legal_hold",
)

_NUMBER: Final = re.compile(r"[+-][0-9 ()./-]*")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "'")


def safe_cell(text: str) -> str:
    """Return *text* as a cell that no spreadsheet takes for a formula.

    What begins like a formula gets an apostrophe in front, and so does what begins with an apostrophe: readers that
    are not spreadsheets take one leading apostrophe off and have the exact text. Telephone numbers such as ``+7900``
    stay as they are: a sign before nothing but digits, spaces, brackets, dots, dashes and slashes calls no function and
    names no cell.
    """
    return f"'{text}" if text.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(text) else text


def csv_row(call: Call) -> list[str]:
    """Return the cells of one call, in the order of ``COLUMNS``. Tags and metadata are JSON."""
    shown = wire.Call.of(call)
    cells = [_cell(getattr(shown, name)) for name in COLUMNS[:-3]]
    failure, hold = shown.failure, shown.legal_hold
    return [
        *cells,
        failure.code if failure else "",
        safe_cell(failure.detail) if failure else "",
        safe_cell(hold.reason) if hold else "",
    ]


def _cell(value: Any) -> str:  # noqa: ANN401 (whatever a call holds)
    match value:
        case None:
            return ""
        case str():
            return safe_cell(value)
        case datetime():
            return msgspec.json.encode(value).decode().strip('"')
        case list() | dict():
            return msgspec.json.encode(value).decode()
        case _:
            return str(value)


async def csv_pieces(calls: AsyncIterator[Call]) -> AsyncGenerator[bytes, None]:
    """Yield RFC 4180 lines in UTF-8, the header first, in pieces of about 64 kB."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    async for call in calls:
        writer.writerow(csv_row(call))
        if buffer.tell() >= PIECE:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


async def json_lines(calls: AsyncIterator[Call]) -> AsyncGenerator[bytes, None]:
    """Yield one JSON object per line, in pieces of about 64 kB."""
    buffer = bytearray()
    async for call in calls:
        buffer += msgspec.json.encode(wire.Call.of(call)) + b"\n"
        if len(buffer) >= PIECE:
            yield bytes(buffer)
            buffer.clear()
    yield bytes(buffer)


@asynccontextmanager
async def _begun(pieces: AsyncGenerator[bytes, None]) -> AsyncIterator[AsyncIterator[bytes]]:
    """Lend *pieces* with the first one made already, so that a database that is down still becomes a 503."""
    first = await anext(pieces)

    async def all_of_them() -> AsyncIterator[bytes]:
        yield first
        async for piece in pieces:
            yield piece

    try:
        yield all_of_them()
    finally:
        await pieces.aclose()


Writer = Callable[[AsyncIterator[Call]], AsyncGenerator[bytes, None]]
WRITERS: Final[dict[ListFormat, tuple[Writer, str]]] = {
    ListFormat.CSV: (csv_pieces, "text/csv"),
    ListFormat.JSON_LINES: (json_lines, "application/jsonl"),
}
CONTENTS: Final = {200: {media_type: TEXT for _, media_type in WRITERS.values()}}
HEADERS: Final = {200: {"Content-Disposition": "calls.csv or calls.jsonl, as an attachment."}}


@get(
    "/calls/export",
    dependencies=FILTERED,
    operation_class=operation(contents=CONTENTS, headers=HEADERS),
    responses=problems(),
    response_description="All calls that fit, latest first.",
    summary="Export calls",
)
async def export_calls(
    request: Request[Any, Any, Any],
    wanted: NamedDependency[CallFilter],
    export: FromDishka[ExportCalls],
    hearing: FromDishka[Hearing],
    chosen: Annotated[ListFormat, QueryParameter(name="format")] = ListFormat.CSV,
) -> ASGIResponse:
    """The filters are those of the list. In CSV, a cell that begins like a formula has an apostrophe in front, and so
    has one that begins with an apostrophe; telephone numbers stay as they are. JSON lines are exact."""
    return _written(chosen, export(wanted, hearing.of(request.user)))


@post(
    "/calls/export",
    status_code=200,
    operation_class=operation(contents=CONTENTS, headers=HEADERS),
    responses=problems(*READS_BODY),
    response_description="Those of the calls that are there, in the order in which they were named.",
    summary="Export chosen calls",
)
async def export_chosen(
    request: Request[Any, Any, Any],
    data: JSONBody[wire.ChosenCalls],
    export: FromDishka[ExportChosen],
    hearing: FromDishka[Hearing],
) -> ASGIResponse:
    """As `GET /calls/export`, of the calls that are named."""
    call_ids = tuple(dict.fromkeys(CallId(key) for key in data.call_ids))
    return _written(data.format, await export(call_ids, hearing.of(request.user), actor_of(request)))


def _written(chosen: ListFormat, calls: AsyncIterator[Call]) -> ASGIResponse:
    writer, media_type = WRITERS[chosen]
    return StreamedResponse(
        _begun(writer(calls)),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="calls.{chosen}"'},
    )


export_router = DishkaRouter(
    "/", route_handlers=[export_calls, export_chosen], before_request=refuse_unknown_parameters, tags=["calls"]
)
