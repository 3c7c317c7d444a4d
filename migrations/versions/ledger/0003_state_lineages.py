"""The lines of runs whose states were kept here: a bookmark is followed where its rows are."""

from __future__ import annotations

from alembic import op

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None

# A run that is over stays over: an import of what was exported earlier does not undo it.
TABLES = """
CREATE TABLE {prefix}state_lineages (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lineage_id text NOT NULL,
    runs bigint NOT NULL,
    state_id text,
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (lineage_id)
);

CREATE FUNCTION {prefix}keep_the_later_run() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.runs := greatest(OLD.runs, NEW.runs);
    RETURN NEW;
END
$$;

CREATE TRIGGER keep_the_later_run BEFORE UPDATE ON {prefix}state_lineages
FOR EACH ROW EXECUTE FUNCTION {prefix}keep_the_later_run();
"""


def prefix() -> str:
    """What the ledger's names begin with here, as `env.py` found it."""
    return str(op.get_context().opts["ledger_prefix"])


def upgrade() -> None:
    """Make the table."""
    op.execute(TABLES.format(prefix=prefix()))


def downgrade() -> None:
    """Drop it, and what it holds."""
    op.execute(f"DROP TABLE {prefix()}state_lineages")
    op.execute(f"DROP FUNCTION {prefix()}keep_the_later_run()")
