"""The queue of record in a relational database."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.sql.dml import ReturningUpdate

from calls_adapters.sql.claims import (
    change_held,
    chosen,
    freed,
    holders,
    leased,
    leases_ended,
    lock,
    queued,
    require_held,
    running,
)
from calls_adapters.sql.database import Database
from calls_adapters.sql.finishing import finish_at_once
from calls_adapters.sql.rows import claim_from, copy_row, storable
from calls_adapters.sql.speech import store_words
from calls_adapters.sql.tables.jobs import LIVE, jobs
from calls_adapters.sql.tables.recordings import recordings
from calls_adapters.sql.writing import (
    accept,
    doom,
    save_call,
    store_events,
    store_findings,
    store_steps,
    store_tags,
    take_hold,
)
from calls_core.call import Call
from calls_core.errors import Reason
from calls_core.events import Event
from calls_core.findings import Transcript
from calls_core.job import Claim, JobId
from calls_core.ports import Acceptance, JobQueue, Stemmer
from calls_core.recording import Recording, RecordingId, StepStatus, StoredCopy
from calls_core.spoken import indexed

_queued = queued(jobs)
_running = running(jobs)
_used_up = jobs.c.attempt >= jobs.c.max_attempts
_URGENCY: Final = (jobs.c.run_at, jobs.c.id)


class SqlJobQueue(JobQueue):
    """Claims by ``FOR UPDATE SKIP LOCKED`` on PostgreSQL; SQLite has one writer at a time anyway."""

    def __init__(self, database: Database, stemmer: Stemmer) -> None:
        self._database = database
        self._stemmer = stemmer
        # The most frequent question of all, put together once.
        due = _due(database.moment("now"))
        self._claim_any = self._leasing(due, *_URGENCY, attempt=jobs.c.attempt + 1)
        named = due & (jobs.c.id == bindparam("wanted"))
        self._claim_named = self._leasing(named, *_URGENCY, attempt=jobs.c.attempt + 1)

    async def claim(self, worker: str, lease: timedelta, job_id: JobId | None = None) -> Claim | None:
        if job_id is None:
            return await self._lease(self._claim_any, worker, lease)
        return await self._lease(self._claim_named, worker, lease, wanted=job_id)

    async def claim_hopeless(self, worker: str, lease: timedelta) -> Claim | None:
        now = self._database.now()
        late = jobs.c.deadline_at <= now
        ended = _running & (jobs.c.lease_until <= now) & or_(_used_up, late)
        # One question for each index, in its order: SQLite uses one per question, and would sooner save itself a sort.
        for hopeless, order in (
            (_queued & late, jobs.c.deadline_at),
            (_queued & _used_up, jobs.c.run_at),
            (ended, jobs.c.lease_until),
        ):
            if claim := await self._lease(self._leasing(hopeless, order), worker, lease):
                return claim
        return None

    async def renew(self, claim: Claim, lease: timedelta) -> None:
        async with self._database.change() as connection:
            await change_held(connection, claim, {"lease_until": self._database.now(lease)})

    async def accept_pulled(self, claim: Claim, acceptance: Acceptance) -> None:
        async with self._database.write() as connection:
            await lock(connection, claim)
            await accept(self._database, connection, acceptance)

    async def save_step(self, claim: Claim, recording: Recording, analyzer: str) -> None:
        fresh = [analyzer] if recording.step(analyzer).status is StepStatus.DONE else []
        words = self._words(recording, fresh)
        async with self._database.write() as connection:
            await lock(connection, claim)
            await store_steps(self._database, connection, recording, [analyzer])
            await store_findings(self._database, connection, recording, fresh)
            if words is not None:
                await store_words(self._database, connection, recording.call_id, words)

    async def keep_copy(self, claim: Claim, recording_id: RecordingId, copy: StoredCopy) -> None:
        async with self._database.write() as connection:
            await lock(connection, claim)
            await take_hold(connection, copy.storage_key)
            its = recordings.c.id == recording_id
            before = await connection.scalar(select(recordings.c.redacted_key).where(its))
            if before is not None:
                await doom(self._database, connection, [before])
            await connection.execute(update(recordings).where(its).values(copy_row(copy)))

    async def finish(
        self,
        claim: Claim,
        call: Call,
        recording: Recording | None,
        events: Sequence[Event],
        *,
        fresh: Collection[str] = (),
    ) -> None:
        words = self._words(recording, fresh) if recording else None
        if self._database.is_postgres:
            async with self._database.change() as connection:
                now = self._database.given_now()
                ended_it = await finish_at_once(connection, now, claim, call, recording, events, fresh, words)
                require_held(claim, int(ended_it))
            return
        ended = freed("done") | {"finished_at": self._database.now()}
        async with self._database.write() as connection:
            await change_held(connection, claim, ended)
            await save_call(connection, call)
            await store_tags(self._database, connection, call)
            if recording is not None:
                names = [step.analyzer for step in recording.steps]
                await store_steps(self._database, connection, recording, names)
                await store_findings(self._database, connection, recording, fresh)
                if words is not None:
                    await store_words(self._database, connection, recording.call_id, words)
            await store_events(connection, events)

    def _words(self, recording: Recording, fresh: Collection[str]) -> str | None:
        """Return what the call shall be found by, if a transcript is among what is *fresh*."""
        transcript = recording.transcript
        is_fresh = any(isinstance(recording.findings.get(name), Transcript) for name in fresh)
        return indexed(transcript.text, self._stemmer.stem) if transcript and is_fresh else None

    async def put_back(self, claim: Claim, delay: timedelta, reason: Reason | None, *, burn_attempt: bool) -> None:
        changes: dict[str, object] = freed() | {"run_at": self._database.now(delay)}
        if not burn_attempt:
            changes |= {"attempt": jobs.c.attempt - 1, "deferrals": jobs.c.deferrals + (1 if reason else 0)}
        if reason is not None:
            changes |= {"error_code": reason.code, "error_detail": storable(reason.detail)}
        async with self._database.change() as connection:
            await change_held(connection, claim, changes)

    async def holders(self) -> Collection[str]:
        async with self._database.one() as connection:
            return (await connection.scalars(holders(jobs))).all()

    async def end_leases(self, workers: Collection[str]) -> None:
        if not workers:
            return
        async with self._database.change() as connection:
            await connection.execute(leases_ended(jobs, workers, self._database))

    async def requeue_expired(self, delay: timedelta = timedelta(0)) -> int:
        now = self._database.now()
        expired = _running & (jobs.c.lease_until <= now) & (jobs.c.deadline_at > now) & ~_used_up
        # The old owner is fenced off at once, not only when somebody claims the job.
        changes = freed() | {"run_at": self._database.now(delay), "token": jobs.c.token + 1}
        async with self._database.change() as connection:
            return (await connection.execute(update(jobs).where(expired).values(changes))).rowcount

    async def unannounced(self, limit: int, again_after: timedelta) -> Sequence[JobId]:
        now = self._database.now()
        silent = or_(jobs.c.announced_at.is_(None), jobs.c.announced_at <= self._database.now(-again_after))
        # Apart, so that it is done once: PostgreSQL may run what stands in IN for every row, and find others each time.
        taken = chosen(jobs, _due(now) & silent, limit, *_URGENCY).cte("taken")
        statement = update(jobs).where(jobs.c.id.in_(select(taken.c.id))).values(announced_at=now)
        async with self._database.change() as connection:
            rows = (await connection.execute(statement.returning(jobs.c.run_at, jobs.c.id))).all()
        return [JobId(job_id) for _run_at, job_id in sorted((run_at, job_id) for run_at, job_id in rows)]

    async def depth(self) -> Mapping[str, int]:
        counted = select(jobs.c.state, func.count().label("jobs")).where(LIVE)
        async with self._database.one() as connection:
            rows = (await connection.execute(counted.group_by(jobs.c.state))).all()
        return {"queued": 0, "running": 0} | {row.state: row.jobs for row in rows}

    async def oldest(self) -> datetime | None:
        async with self._database.one() as connection:
            oldest: datetime | None = await connection.scalar(select(func.min(jobs.c.created_at)).where(LIVE))
        return oldest

    def _leasing(
        self, fits: ColumnElement[bool], *order: ColumnElement[Any], **raised: ColumnElement[int]
    ) -> ReturningUpdate[Any]:
        first = chosen(jobs, fits, 1, *order).scalar_subquery()
        changes = leased(jobs, self._database, **raised)
        return update(jobs).where(jobs.c.id == first).values(changes).returning(*jobs.c)

    async def _lease(
        self, statement: ReturningUpdate[Any], worker: str, lease: timedelta, **given: JobId
    ) -> Claim | None:
        moments = self._database.moments(now=timedelta(0), until=lease)
        async with self._database.change() as connection:
            row = (await connection.execute(statement, {"worker": worker, **moments, **given})).mappings().one_or_none()
        return claim_from(row) if row else None


def _due(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    return _queued & (jobs.c.run_at <= now) & (jobs.c.deadline_at > now) & ~_used_up
