"""Exports: archives that are ordered, made in the background and kept for a while."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

TIME: Final = sa.DateTime(timezone=True)
OPEN: Final = sa.text("state IN ('queued', 'running')")


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("wanted", sa.Text, nullable=False),
        sa.Column("call_ids", sa.Text, nullable=False),
        sa.Column("contents", sa.Text, nullable=False),
        sa.Column("hears", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("run_at", TIME, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("lease_owner", sa.Text),
        sa.Column("calls_total", sa.Integer),
        sa.Column("calls_done", sa.Integer, nullable=False),
        sa.Column("storage_key", sa.Text),
        sa.Column("size_bytes", sa.BigInteger),
        sa.Column("sha256", sa.Text),
        sa.Column("error_code", sa.Text),
        sa.Column("error_detail", sa.Text),
    )
    op.create_index("ix_exports_due", "exports", ["run_at", "id"], postgresql_where=OPEN, sqlite_where=OPEN)
    op.create_index("ix_exports_owner_id", "exports", ["owner", "id"])
    op.create_index("ix_exports_expires_at", "exports", ["expires_at"])


def downgrade() -> None:
    op.drop_table("exports")
