"""Users, sessions, API keys, counted attempts to sign in; and who is behind an entry of the audit log."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

TIME: Final = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("audit", sa.Column("actor", sa.Text, nullable=False, server_default="system"))
    op.add_column("audit", sa.Column("actor_name", sa.Text, nullable=False, server_default=""))
    op.add_column("audit", sa.Column("ip", sa.Text))
    op.create_index("ix_audit_call_id_id", "audit", ["call_id", "id"])
    op.create_index("ix_audit_actor_id", "audit", ["actor", "id"])
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("username", sa.Text, nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.UniqueConstraint("username", name="uq_users_username"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("refreshed_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_sessions_user_id_users", ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("hint", sa.Text, nullable=False),
        sa.Column("secret_sha256", sa.Text, nullable=False),
        sa.Column("scopes", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME),
        sa.Column("last_used_at", TIME),
        sa.UniqueConstraint("secret_sha256", name="uq_api_keys_secret_sha256"),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("until", TIME, nullable=False),
    )
    op.create_index("ix_sign_in_attempts_until", "sign_in_attempts", ["until"])


def downgrade() -> None:
    for table in ("sign_in_attempts", "api_keys", "sessions", "users"):
        op.drop_table(table)
    op.drop_index("ix_audit_actor_id", "audit")
    op.drop_index("ix_audit_call_id_id", "audit")
    for column in ("ip", "actor_name", "actor"):
        op.drop_column("audit", column)
