"""Measures search in many transcripts: ``python -m benchmarks.transcripts``.

Page, total and highlights together, as the list asks for them. The words are made up, as frequent as in speech: the
n-th is said about 1/n as often as the first.
"""

import argparse
import asyncio
import itertools
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import msgspec
import numpy as np
from sqlalchemy.engine import make_url

from benchmarks.many_calls import BATCH, fill_postgres, fill_sqlite, made_calls
from benchmarks.processes import conditions, forget_peak, memory_mb
from benchmarks.search import Spent, summary
from calls_adapters.snowball import SnowballStemmer
from calls_adapters.sql import Database, SqlCallSearch, normalized_url
from calls_adapters.sql.migrate import migrate
from calls_core.call import Call
from calls_core.findings import Segment, Transcript
from calls_core.hearing import Hears
from calls_core.search import CallFilter, PageRequest
from calls_core.spoken import indexed, indexed_terms
from calls_core.use_cases.read_calls import SearchCalls
from tests.servers.postgres import PostgresServer

SAID: Final = 200
IN_SEGMENT: Final = 10
SYLLABLES: Final = ("го", "во", "ри", "ть", "да", "ка", "но", "ле", "му", "са", "те", "бы", "ши", "ху", "ре", "зя")
VOCABULARY: Final = ["".join(piece) + "к" for piece in itertools.product(SYLLABLES, repeat=4)][:50_000]

RECORDINGS: Final = [
    "id",
    "call_id",
    "filename",
    "media_type",
    "size_bytes",
    "sha256",
    "storage_key",
    "created_at",
    "updated_at",
]
STEPS: Final = ["recording_id", "analyzer", "position", "version", "after", "status", "attempts"]
FINDINGS: Final = ["recording_id", "analyzer", "version", "kind", "payload"]


class Rows(NamedTuple):
    """What one call brings into each table."""

    recording: tuple[Any, ...]
    step: tuple[Any, ...]
    finding: tuple[Any, ...]
    words: str


def word(rank: int) -> str:
    return VOCABULARY[rank]


QUERIES: Final = {
    "in nearly all": word(0),
    "in 40 %": word(30),
    "in 5 %": word(350),
    "in 1 %": word(1900),
    "in 0.1 %": word(19000),
    "in none": "небывалое",
    "two of 40 %": f"{word(30)} {word(31)}",
    "three, rare together": f"{word(350)} {word(400)} {word(30)}",
    "phrase of common words": f'"{word(1)} {word(2)}"',
    "phrase, rare": f'"{word(30)} {word(31)}"',
    "phrase that nobody said": f'"{word(0)} {word(1)} {word(2)} {word(3)}"',
    "40 % without a common one": f"{word(30)} -{word(5)}",
    "without a phrase": f'{word(30)} -"{word(0)} {word(1)}"',
}


def transcribed(calls: int) -> Iterator[tuple[Call, Rows]]:
    """Yield the same transcripts in every run."""
    chance = np.random.default_rng(7)
    weights = 1 / (np.arange(len(VOCABULARY)) + 2.7)
    stem = SnowballStemmer().stem
    weights /= weights.sum()
    made = made_calls(calls)
    while batch := list(itertools.islice(made, BATCH)):
        drawn = chance.choice(len(VOCABULARY), size=(len(batch), SAID), p=weights)
        for call, ranks in zip(batch, drawn.tolist(), strict=True):
            said = [VOCABULARY[rank] for rank in ranks]
            segments = tuple(
                Segment(start_sec=n, end_sec=n + 3.0, text=" ".join(said[n : n + IN_SEGMENT]), channel=n % 2)
                for n in range(0, SAID, IN_SEGMENT)
            )
            text = " ".join(said)
            payload = msgspec.json.encode(Transcript(text=text, segments=segments)).decode()
            now = call.created_at
            yield (
                call,
                Rows(
                    (call.id, call.id, "call.wav", "audio/wav", 1, "0" * 64, str(call.id), now, now),
                    (call.id, "ai", 0, "1", "[]", "done", 1),
                    (call.id, "ai", "1", "transcript", payload),
                    indexed(text, stem),
                ),
            )


async def transcribe_in_postgres(url: str, calls: int) -> None:
    await fill_postgres(url, calls)
    parsed = make_url(normalized_url(url)).set(drivername="postgresql")
    connection = await asyncpg.connect(parsed.render_as_string(hide_password=False))
    rows = transcribed(calls)
    # A GIN index is made much faster than it grows.
    await connection.execute("DROP INDEX ix_call_words_terms")
    await connection.execute("CREATE TEMPORARY TABLE said (call_id uuid, words text, terms text[])")
    while batch := list(itertools.islice(rows, BATCH)):
        for table, columns, records in (
            ("recordings", RECORDINGS, [each.recording for _, each in batch]),
            ("steps", STEPS, [each.step for _, each in batch]),
            ("findings", FINDINGS, [each.finding for _, each in batch]),
        ):
            await connection.copy_records_to_table(table, records=records, columns=columns)
        await connection.copy_records_to_table(
            "said", records=[(call.id, each.words, indexed_terms(each.words)) for call, each in batch]
        )
    await connection.execute(
        "INSERT INTO call_words SELECT c.id, c.started_at, said.words, array_to_tsvector(said.terms)"
        " FROM said JOIN calls c ON c.id = said.call_id ORDER BY c.started_at"
    )
    await connection.execute("CREATE INDEX ix_call_words_terms ON call_words USING gin (terms)")
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


def transcribe_in_sqlite(path: str, calls: int) -> None:
    fill_sqlite(path, calls)

    def stored(row: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(value.hex if isinstance(value, UUID) else value for value in row)

    def insert(table: str, columns: list[str]) -> str:
        return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"

    rows = transcribed(calls)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA cache_size = -200000")
        while batch := list(itertools.islice(rows, BATCH)):
            recordings = [stored(each.recording[:-2]) + ("2024-01-01 00:00:00.000000",) * 2 for _, each in batch]
            connection.executemany(insert("recordings", RECORDINGS), recordings)
            connection.executemany(insert("steps", STEPS), [stored(each.step) for _, each in batch])
            connection.executemany(insert("findings", FINDINGS), [stored(each.finding) for _, each in batch])
            connection.executemany(
                "INSERT INTO place_words SELECT place, ? FROM call_places WHERE call_id = ?",
                [(each.words, call.id.hex) for call, each in batch],
            )


async def measure(url: str, rounds: int, server: int | None) -> dict[str, Any]:
    """Ask each question: page and total by themselves, and with the highlights of 50 calls."""
    forget_peak()
    alone, whole = Spent(server), Spent(server)
    database, stemmer = Database(url), SnowballStemmer()
    search = SqlCallSearch(database, stemmer)
    shown = SearchCalls(search, stemmer)
    results: dict[str, Any] = {}
    asked = {name: CallFilter.checked(text=text) for name, text in QUERIES.items()}
    asked["40 % and a number"] = CallFilter.checked(text=word(30), query="7921")
    asked["40 % and an agent"] = CallFilter.checked(text=word(30), agent="agent7")
    asked["1 % and an agent"] = CallFilter.checked(text=word(1900), agent="agent7")
    for name, wanted in asked.items():
        page = await shown(wanted, PageRequest(), Hears.ORIGINAL)
        await alone.ask(lambda wanted=wanted: search.page(wanted, PageRequest()), rounds)
        await whole.ask(lambda wanted=wanted: shown(wanted, PageRequest(), Hears.ORIGINAL), rounds)
        marked = summary(whole.waits())["p50_ms"]
        results[name] = {"total": page.total, **summary(alone.waits()), "with_highlights_p50_ms": marked}
        print(f"  {name:<26}{json.dumps(results[name])}", flush=True)
    await database.close()
    return {"search": results, "cpu_ms": whole.cpu_ms, "peak_mb": round(memory_mb(os.getpid(), "VmHWM"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="how many calls, each with 200 words")
    parser.add_argument("--rounds", type=int, default=20, help="how often each question is asked")
    parser.add_argument("--only", choices=["sqlite", "postgres"])
    parser.add_argument("--json", type=Path, help="where to write the figures")
    arguments = parser.parse_args()
    results: dict[str, Any] = {**conditions(), "calls": arguments.calls}
    with ExitStack() as stack:
        if arguments.only != "postgres":
            path = Path(stack.enter_context(tempfile.TemporaryDirectory()), "calls.db")
            print(f"SQLite, {arguments.calls} transcripts", flush=True)
            asyncio.run(migrate(f"sqlite:///{path}"))
            transcribe_in_sqlite(str(path), arguments.calls)
            results["sqlite"] = asyncio.run(measure(f"sqlite:///{path}", arguments.rounds, None))
        if arguments.only != "sqlite":
            server = stack.enter_context(PostgresServer(durable=True))
            url = server.create_database()
            print(f"PostgreSQL, {arguments.calls} transcripts", flush=True)
            asyncio.run(migrate(url))
            asyncio.run(transcribe_in_postgres(url, arguments.calls))
            results["postgres"] = asyncio.run(measure(url, arguments.rounds, server.pid))
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
