"""How many calls have which common piece in their caller or receiver, in PostgreSQL."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

NOTE: Final = """
CREATE FUNCTION note_key_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        INSERT INTO key_changes (search_key, change) VALUES (OLD.search_key, -1);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO key_changes (search_key, change) VALUES (NEW.search_key, 1);
    END IF;
    RETURN NULL;
END
$$
"""


def upgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    op.create_table(
        "key_changes",
        sa.Column("search_key", sa.Text, nullable=False),
        sa.Column("change", sa.SmallInteger, nullable=False),
    )
    op.create_table(
        "common_pieces",
        sa.Column("piece", sa.Text, primary_key=True),
        sa.Column("calls", sa.BigInteger, nullable=False),
    )
    op.execute(NOTE)
    op.execute(
        "CREATE TRIGGER note_key_change AFTER INSERT OR DELETE OR UPDATE OF search_key ON call_keys"
        " FOR EACH ROW EXECUTE FUNCTION note_key_change()"
    )


def downgrade() -> None:
    if op.get_context().dialect.name != "postgresql":
        return
    op.execute("DROP TRIGGER note_key_change ON call_keys")
    op.execute("DROP FUNCTION note_key_change")
    op.drop_table("common_pieces")
    op.drop_table("key_changes")
