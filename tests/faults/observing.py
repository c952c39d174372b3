"""What is there once a service has come to rest: the rows, the bytes, and what the API says of them."""

import asyncio
import hashlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx2
from sqlalchemy import Select, select

from calls_adapters.sql.database import Database
from calls_adapters.sql.tables.arrivals import holds
from calls_adapters.sql.tables.calls import calls
from calls_adapters.sql.tables.deliveries import events
from calls_adapters.sql.tables.jobs import jobs
from calls_adapters.sql.tables.recordings import findings, recordings, steps
from tests.faults.checker import Verdict, check
from tests.faults.history import CallRow, EventRow, FindingRow, JobRow, RecordingRow, State, StepRow, Upload
from tests.servers.s3 import S3Server

QUIET_LIMIT_SEC: Final = 60.0
POLL_SEC: Final = 0.2

Files = Callable[[], dict[str, str]]
"""Returns the names of whatever a storage holds, each with the SHA-256 of its bytes."""


def settled(
    uploads: list[Upload],
    client: httpx2.Client,
    database_url: str,
    files: Files,
    limit_sec: float = QUIET_LIMIT_SEC,
) -> Verdict:
    """Wait until nothing is left to do, for *limit_sec* at most, and judge.

    A recording whose worker was killed five times over is ``worker-lost``, as it must be; it is processed once more.
    """
    deadline = time.monotonic() + limit_sec
    while True:
        state = rows_of(database_url)
        _reprocess_unlucky(uploads, state, client)
        busy = check(uploads, state).violations.keys() & {"unfinished", "leftover"}
        if not busy:
            state.files = files()
            busy = check(uploads, state).violations.keys() & {"leftover"}
        if not busy or time.monotonic() > deadline:
            break
        time.sleep(POLL_SEC)
    state.files = files()
    state.listed = _listed(client)
    state.served = _served(client, state)
    return check(uploads, state)


def _reprocess_unlucky(uploads: list[Upload], state: State, client: httpx2.Client) -> None:
    by_key = {upload.key: upload for upload in uploads}
    for call in state.calls:
        if call.failure == "worker-lost" and client.post(f"/calls/{call.id}/reprocess").is_success:
            by_key[call.key or ""].reprocessed += 1


def rows_of(database_url: str) -> State:
    """Read every row that the checker compares."""
    return asyncio.run(_rows_of(database_url))


async def _rows_of(database_url: str) -> State:
    database = Database(database_url)
    try:
        async with database.read() as connection:

            async def rows(statement: Select[Any]) -> list[tuple[Any, ...]]:
                return [tuple(map(_text, row)) for row in await connection.execute(statement)]

            call, recording, step, finding = calls.c, recordings.c, steps.c, findings.c
            of_recording = recordings.join
            return State(
                calls=[
                    CallRow(*r) for r in await rows(select(call.id, call.external_id, call.status, call.failure_code))
                ],
                recordings=[
                    RecordingRow(*r)
                    for r in await rows(select(recording.call_id, recording.sha256, recording.storage_key))
                ],
                steps=[
                    StepRow(*r)
                    for r in await rows(
                        select(recording.call_id, step.analyzer, step.status).select_from(of_recording(steps))
                    )
                ],
                findings=[
                    FindingRow(*r)
                    for r in await rows(select(recording.call_id, finding.analyzer).select_from(of_recording(findings)))
                ],
                jobs=[JobRow(*r) for r in await rows(select(jobs.c["id", "call_id", "state"]))],
                events=[EventRow(*r) for r in await rows(select(events.c["id", "call_id", "type"]))],
                holds=[str(r[0]) for r in await rows(select(holds.c.key))],
            )
    finally:
        await database.close()


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _listed(client: httpx2.Client) -> list[str]:
    found: list[str] = []
    query: dict[str, str] = {"limit": "50"}
    while True:
        page = client.get("/calls", params=query).raise_for_status().json()
        found += [call["id"] for call in page["items"]]
        if not page["next_cursor"]:
            return found
        query["cursor"] = page["next_cursor"]


def _served(client: httpx2.Client, state: State) -> dict[str, str]:
    served = {}
    for row in state.recordings:
        answer = client.get(f"/calls/{row.call_id}/recording/audio")
        if answer.is_success:
            served[row.call_id] = hashlib.sha256(answer.content).hexdigest()
    return served


def files_below(*folders: Path) -> dict[str, str]:
    """Return every file below *folders*, by its path within them."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file()
    }


def objects_in(server: S3Server, bucket: str) -> dict[str, str]:
    """Return every object in *bucket*, and every upload in parts that nobody ended."""
    client = server.client
    stored = {
        key: hashlib.sha256(client.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()
        for key in server.keys(bucket)
    }
    return stored | {f"parts of {key}": "" for key in server.unfinished(bucket)}
