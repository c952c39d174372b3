"""Copies of recordings in which is silent what not everybody may hear."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

COLUMNS = {"redacted_key": sa.Text, "redacted_size_bytes": sa.BigInteger, "redacted_sha256": sa.Text}


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("recordings", sa.Column(name, kind))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("recordings", name)
