"""Keys by which clients mark requests, and what was answered."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload_sha256", sa.Text),
        sa.Column("status", sa.Integer),
        sa.Column("location", sa.Text),
        sa.Column("body", sa.Text),
        sa.Column("call_id", sa.Uuid, sa.ForeignKey("calls.id", ondelete="CASCADE")),
    )
    op.create_index("ix_idempotency_keys_until", "idempotency_keys", ["until"])
    op.create_index("ix_idempotency_keys_call_id", "idempotency_keys", ["call_id"])


def downgrade() -> None:
    op.drop_table("idempotency_keys")
