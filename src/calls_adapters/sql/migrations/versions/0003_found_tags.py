"""The tags that analyzers put on a call."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("calls", sa.Column("found_tags", sa.Text))


def downgrade() -> None:
    op.drop_column("calls", "found_tags")
