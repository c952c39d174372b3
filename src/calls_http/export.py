"""Every call that fits, as CSV for spreadsheets or as JSON lines for programs."""

import csv
import io
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from dishka.integrations.litestar import DishkaRouter, FromDishka
from litestar import Request, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response.base import ASGIResponse

from calls_core.call import Call
from calls_core.hearing import Hearing
from calls_core.search import CallFilter
from calls_core.use_cases.read_calls import ExportCalls
from calls_http import wire
from calls_http.documentation import TEXT, operation, problems
from calls_http.queries import FILTERED, refuse_unknown_parameters
from calls_http.streaming import StreamedResponse

PIECE: Final = 64 * 1024
COLUMNS: Final = (
    *(name for name in wire.Call.__struct_fields__ if name not in {"failure", "legal_hold"}),
    "failure_code",
    "failure_detail",
    "legal_hold",
)

_NUMBER: Final = re.compile(r"[+-][0-9 ()./-]*")
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "'")


class ExportFormat(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


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
WRITERS: Final[dict[ExportFormat, tuple[Writer, str]]] = {
    ExportFormat.CSV: (csv_pieces, "text/csv"),
    ExportFormat.JSON_LINES: (json_lines, "application/jsonl"),
}


@get(
    "/calls/export",
    dependencies=FILTERED,
    operation_class=operation(
        contents={200: {media_type: TEXT for _, media_type in WRITERS.values()}},
        headers={200: {"Content-Disposition": "calls.csv or calls.jsonl, as an attachment."}},
    ),
    responses=problems(),
    response_description="All calls that fit, latest first.",
    summary="Export calls",
)
async def export_calls(
    request: Request[Any, Any, Any],
    wanted: NamedDependency[CallFilter],
    export: FromDishka[ExportCalls],
    hearing: FromDishka[Hearing],
    chosen: Annotated[ExportFormat, QueryParameter(name="format")] = ExportFormat.CSV,
) -> ASGIResponse:
    """The filters are those of the list. In CSV, a cell that begins like a formula has an apostrophe in front, and so
    has one that begins with an apostrophe; telephone numbers stay as they are. JSON lines are exact."""
    writer, media_type = WRITERS[chosen]
    return StreamedResponse(
        _begun(writer(export(wanted, hearing.of(request.user)))),
        media_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="calls.{chosen}"'},
    )


export_router = DishkaRouter(
    "/", route_handlers=[export_calls], before_request=refuse_unknown_parameters, tags=["calls"]
)
