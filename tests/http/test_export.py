"""Exporting calls: every one that fits, safely, in constant memory."""

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient

from calls_adapters.memory import MemoryCallSearch
from calls_adapters.snowball import SnowballStemmer
from calls_core.call import Call, CallDetails
from calls_core.errors import Reason, RepositoryUnavailable
from calls_core.recording import CallId
from calls_core.search import CallFilter, CallPage, PageRequest
from calls_http.export import COLUMNS, PIECE, csv_pieces, json_lines, safe_cell
from tests.http.made_up import SIGNAL
from tests.http.memory_service import MemoryService
from tests.http.test_calls import register

pytestmark = pytest.mark.anyio

Client = AsyncTestClient[Litestar]


async def test_csv_has_a_row_per_call(client: Client, memory: MemoryService) -> None:
    """The header names the columns; lists and objects are JSON; a failure is two cells."""
    call = await register(
        client, caller="+7900", receiver='say "hi", 101', tags=["a,b"], metadata={"k": "v"}, agent="=HYPERLINK(1)"
    )
    await client.post(f"/calls/{call['id']}/recording", files={"file": ("a.wav", b"RIFF")})
    await memory.finish(call["id"], {"signal": SIGNAL, "words": Reason("step-timed-out", "took too long")})
    answer = await client.get("/calls/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    header, row = csv.reader(io.StringIO(answer.text))
    assert tuple(header) == COLUMNS
    cells = dict(zip(header, row, strict=True))
    assert (cells["caller"], cells["receiver"]) == ("+7900", 'say "hi", 101')
    assert (cells["tags"], cells["metadata"]) == ('["a,b"]', '{"k":"v"}')
    assert (cells["status"], cells["duration_sec"], cells["external_id"]) == ("failed", "2.5", "")
    assert cells["started_at"] == "2026-11-22T06:30:00Z"
    assert (cells["failure_code"], cells["failure_detail"]) == ("step-timed-out", "words: took too long")
    assert cells["agent"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("+7900", "+7900"),
        ("+7 (900) 123-45-67", "+7 (900) 123-45-67"),
        ("-5", "-5"),
        ("+", "+"),
        ("7900", "7900"),
        ("Анна", "Анна"),
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("+A1", "'+A1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("'quoted", "''quoted"),
        ("", ""),
    ],
)
async def test_a_cell_is_never_a_formula(text: str, cell: str) -> None:
    """What begins like a formula has an apostrophe in front; telephone numbers survive."""
    assert safe_cell(text) == cell


@given(st.text())
def test_taking_one_apostrophe_off_gives_the_text_back(text: str) -> None:
    """The rule loses nothing: readers that are not spreadsheets can undo it."""
    cell = safe_cell(text)
    assert cell.removeprefix("'") == text
    assert not cell.startswith(("=", "@", "\t", "\r"))


async def test_json_lines_are_the_calls_as_the_api_tells_them(client: Client) -> None:
    """One object per line, filters as in the list, latest first, also when there is none."""
    calls = [await register(client, started_at=f"2026-01-0{day}T00:00:00Z", tags=[f"d{day}"]) for day in (1, 2, 3)]
    answer = await client.get("/calls/export?format=jsonl")
    assert answer.headers["content-type"] == "application/jsonl"
    assert [json.loads(line) for line in answer.text.splitlines()] == calls[::-1]
    assert json.loads((await client.get("/calls/export?format=jsonl&tag=d2")).text) == calls[1]
    assert (await client.get("/calls/export?format=jsonl&tag=none")).text == ""
    for query in ("format=xml", "limit=5", "status=gone"):
        assert (await client.get(f"/calls/export?{query}")).status_code == 422


async def test_those_that_were_chosen_are_exported(client: Client) -> None:
    """In the order in which they were named, once each; the audit trail tells how many were asked for."""
    first, second, _ = [await register(client, caller=f"+790{number}") for number in range(3)]
    ids = [second["id"], first["id"], second["id"], str(UUID(int=7))]
    answer = await client.post("/calls/export", json={"call_ids": ids, "format": "jsonl"})
    assert answer.headers["content-type"].startswith("application/jsonl")
    assert [json.loads(line)["id"] for line in answer.text.splitlines()] == [second["id"], first["id"]]
    rows = list(csv.DictReader(io.StringIO((await client.post("/calls/export", json={"call_ids": ids})).text)))
    assert [row["caller"] for row in rows] == ["+7901", "+7900"]
    (entry, _) = (await client.get("/audit?action=calls.exported")).json()["items"]
    assert entry["details"] == {"calls": "3"}
    for wrong in ({}, {"call_ids": []}, {"call_ids": ids, "format": "xml"}):
        assert (await client.post("/calls/export", json=wrong)).status_code == 422


async def many(count: int) -> AsyncIterator[Call]:
    moment = MemoryService().now
    for number in range(count):
        details = CallDetails(caller=str(number), receiver="101", started_at=moment - timedelta(seconds=number))
        yield Call(id=CallId(UUID(int=number)), details=details, created_at=moment, updated_at=moment)


@pytest.mark.parametrize("writer", [csv_pieces, json_lines], ids=["csv", "jsonl"])
async def test_no_piece_grows_with_the_export(writer: object) -> None:
    """Twenty thousand calls come out in order in pieces of about 64 kB."""
    sizes, lines = [], 0
    async for piece in writer(many(20_000)):  # type: ignore[operator]
        sizes.append(len(piece))
        lines += piece.count(b"\n")
    assert lines == 20_000 + (writer is csv_pieces)
    assert max(sizes) < PIECE + 1024
    assert len(sizes) > 10


async def test_a_database_that_is_down_is_told_before_the_first_row() -> None:
    """503 with Retry-After, and no file that looks complete and is empty."""

    class Down(MemoryCallSearch):
        async def page(self, wanted: CallFilter, request: PageRequest) -> CallPage:
            raise RepositoryUnavailable("the database does not answer")

    memory = MemoryService()
    memory.search = Down(memory.database, SnowballStemmer())
    async with AsyncTestClient(memory.app(), raise_server_exceptions=False) as client:
        answer = await client.get("/calls/export")
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:calls:problem:database-unavailable")
        assert answer.headers["retry-after"] == "5"
        assert (await client.get("/calls")).status_code == 503
