"""Recordings that must be processed, and who does it until when."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text

from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

QUEUED: Final = text("state = 'queued'")
RUNNING: Final = text("state = 'running'")
LIVE: Final = text("state IN ('queued', 'running')")
USED_UP: Final = text("state = 'queued' AND attempt >= max_attempts")

jobs: Final = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), nullable=False),
    Column("state", Text, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("deadline_at", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("deferrals", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until", UtcDateTime),
    Column("announced_at", UtcDateTime),
    Column("source_url", Text),
    Column("source_filename", Text),
    Column("traceparent", Text),
    Column("error_code", Text),
    Column("error_detail", Text),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index(None, "call_id"),
    Index("ix_jobs_due", "run_at", "id", postgresql_where=QUEUED, sqlite_where=QUEUED),
    Index("ix_jobs_lease", "lease_until", postgresql_where=RUNNING, sqlite_where=RUNNING),
    Index("ix_jobs_deadline", "deadline_at", postgresql_where=QUEUED, sqlite_where=QUEUED),
    Index("ix_jobs_used_up", "run_at", postgresql_where=USED_UP, sqlite_where=USED_UP),
    Index("uq_jobs_live", "call_id", unique=True, postgresql_where=LIVE, sqlite_where=LIVE),
)
"""The queue of record. At most one job of a call is not done."""
