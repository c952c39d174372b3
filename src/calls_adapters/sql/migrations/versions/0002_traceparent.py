"""The trace that a job continues."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("traceparent", sa.Text))


def downgrade() -> None:
    op.drop_column("jobs", "traceparent")
