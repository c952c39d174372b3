"""What comes in: whether it may, what was answered, and bytes that no recording has yet."""

from typing import Final

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, Uuid

from calls_adapters.sql.tables.metadata import UtcDateTime, metadata

intake: Final = Table(
    "intake",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("accepting", Boolean, nullable=False),
    Column("reason", Text),
)

idempotency_keys: Final = Table(
    "idempotency_keys",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Column("payload_sha256", Text),
    Column("status", Integer),
    Column("location", Text),
    Column("body", Text),
    Column("call_id", ForeignKey("calls.id", ondelete="CASCADE")),
    Index(None, "until"),
    Index(None, "call_id"),
)
"""Without a status it is a claim, with one an answer; each over at *until*. It goes with the call that it tells of."""

uploads: Final = Table(
    "uploads",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("filename", Text, nullable=False),
    Column("length", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("call_id", Uuid),
    Column("details", Text),
    Column("token", BigInteger, nullable=False),
    Column("finished", Boolean, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Index(None, "expires_at"),
    Index(None, "call_id"),
)

upload_parts: Final = Table(
    "upload_parts",
    metadata,
    Column("upload_id", ForeignKey("uploads.id", ondelete="CASCADE"), primary_key=True),
    Column("begins_at", BigInteger, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("key", Text, nullable=False),
)
"""Removed by nothing but a transaction that puts the keys on holds: the bytes are then the sweep's."""

holds: Final = Table(
    "holds",
    metadata,
    Column("key", Text, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
    Column("doomed", Boolean, nullable=False),
    Index(None, "until"),
)
