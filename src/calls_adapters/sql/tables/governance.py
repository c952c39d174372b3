"""Exports, erasures, and the audit of who did what."""

from typing import Final

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, Uuid, text

from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

OPEN: Final = text("state IN ('queued', 'running')")

exports: Final = Table(
    "exports",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("wanted", Text, nullable=False),
    Column("call_ids", Text, nullable=False),
    Column("contents", Text, nullable=False),
    Column("hears", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("run_at", UtcDateTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("calls_total", Integer),
    Column("calls_done", Integer, nullable=False),
    Column("storage_key", Text),
    Column("size_bytes", BigInteger),
    Column("sha256", Text),
    Column("error_code", Text),
    Column("error_detail", Text),
    Index("ix_exports_due", "run_at", "id", postgresql_where=OPEN, sqlite_where=OPEN),
    Index(None, "owner", "id"),
    Index(None, "expires_at"),
)
"""At *run_at* a queued one is due, and the lease of a running one is over."""

archived_calls: Final = Table(
    "archived_calls",
    metadata,
    Column("export_id", ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Index(None, "call_id"),
)
"""Which calls an archive holds, or shall hold."""

UNFINISHED: Final = text("finished_at IS NULL")

erasures: Final = Table(
    "erasures",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", Text),
    Column("number_sha256", Text, nullable=False),
    Column("by_id", Text, nullable=False),
    Column("by_name", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Index("ix_erasures_unfinished", "id", postgresql_where=UNFINISHED, sqlite_where=UNFINISHED),
)
"""The number is there only until it is finished."""

erased_calls: Final = Table(
    "erased_calls",
    metadata,
    Column("erasure_id", ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True),
    Column("call_id", Uuid, primary_key=True),
    Column("outcome", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("sha256", Text),
    Column("size_bytes", BigInteger),
)
"""Without a foreign key to the calls, which are gone."""

audit: Final = Table(
    "audit",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("action", Text, nullable=False),
    Column("call_id", Uuid),
    Column("details", Text, nullable=False),
    Column("actor", Text, nullable=False, server_default="system"),
    Column("actor_name", Text, nullable=False, server_default=""),
    Column("ip", Text),
    Index(None, "at"),
    Index(None, "call_id", "id"),
    Index(None, "actor", "id"),
)
"""Rows are added and read, and nothing else. Its actors have no foreign key: what they did stays when they are gone."""
