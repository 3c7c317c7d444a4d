"""Which repository, branch, commit and environment a call was made for."""

from __future__ import annotations

from alembic import op

revision = "llm_0002"
down_revision = "llm_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.execute("""
        ALTER TABLE llm_calls
            ADD COLUMN repository text,
            ADD COLUMN branch text,
            ADD COLUMN commit_sha text,
            ADD COLUMN environment text
    """)
    op.execute("CREATE INDEX ON llm_calls (commit_sha)")
    op.execute("CREATE INDEX ON llm_calls (repository, branch)")
    op.execute("CREATE INDEX ON llm_calls (session_id)")


def downgrade() -> None:
    """Drop them."""
    op.execute("""
        ALTER TABLE llm_calls
            DROP COLUMN repository,
            DROP COLUMN branch,
            DROP COLUMN commit_sha,
            DROP COLUMN environment
    """)
    op.execute("DROP INDEX llm_calls_session_id_idx")
