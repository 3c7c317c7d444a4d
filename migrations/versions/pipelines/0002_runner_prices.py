"""What a minute on GitHub's runners costs, dated, with the labels that name each runner.

Add rows for runners of your own: only you know their labels.

From GitHub's published price list; the rates before 2026-01-01 are listed where they differed.
"""

from __future__ import annotations

from alembic import op

revision = "pipelines_0002"
down_revision = "pipelines_0001"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE runner_prices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku text NOT NULL,
    valid_from date NOT NULL,
    usd_per_minute numeric NOT NULL,
    labels text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (sku, valid_from)
);
"""

PRICES = """
INSERT INTO runner_prices (sku, valid_from, usd_per_minute, labels)
SELECT sku, valid_from::date, price, coalesce(labels, '{}')
FROM (
    VALUES
        ('linux', '2019-11-13', 0.008, '{ubuntu-latest,ubuntu-20.04,ubuntu-22.04,ubuntu-24.04}'),
        ('windows', '2019-11-13', 0.016, '{windows-latest,windows-2019,windows-2022,windows-2025}'),
        ('macos', '2019-11-13', 0.080, '{macos-latest,macos-13,macos-14,macos-15}'),
        ('linux_slim', '2026-01-01', 0.002, '{ubuntu-slim}'),
        ('linux', '2026-01-01', 0.006,
            '{ubuntu-latest,ubuntu-20.04,ubuntu-22.04,ubuntu-24.04,ubuntu-26.04}'),
        ('windows', '2026-01-01', 0.010,
            '{windows-latest,windows-2019,windows-2022,windows-2025}'),
        ('macos', '2026-01-01', 0.062,
            '{macos-latest,macos-13,macos-14,macos-15,macos-15-intel,macos-26}'),
        ('linux_2_core_advanced', '2026-01-01', 0.006, NULL),
        ('linux_4_core', '2026-01-01', 0.012, NULL),
        ('linux_8_core', '2026-01-01', 0.022, NULL),
        ('linux_16_core', '2026-01-01', 0.042, NULL),
        ('linux_32_core', '2026-01-01', 0.082, NULL),
        ('linux_64_core', '2026-01-01', 0.162, NULL),
        ('linux_96_core', '2026-01-01', 0.252, NULL),
        ('windows_4_core', '2026-01-01', 0.022, NULL),
        ('windows_8_core', '2026-01-01', 0.042, NULL),
        ('windows_16_core', '2026-01-01', 0.082, NULL),
        ('windows_32_core', '2026-01-01', 0.162, NULL),
        ('windows_64_core', '2026-01-01', 0.322, NULL),
        ('windows_96_core', '2026-01-01', 0.552, NULL),
        ('macos_l', '2026-01-01', 0.077,
            '{macos-latest-large,macos-13-large,macos-14-large,macos-15-large,macos-26-large}'),
        ('macos_xl', '2026-01-01', 0.102,
            '{macos-latest-xlarge,macos-13-xlarge,macos-14-xlarge,macos-15-xlarge,macos-26-xlarge}'),
        ('linux_2_core_arm', '2026-01-01', 0.005, '{ubuntu-22.04-arm,ubuntu-24.04-arm}'),
        ('linux_4_core_arm', '2026-01-01', 0.008, NULL),
        ('linux_8_core_arm', '2026-01-01', 0.014, NULL),
        ('linux_16_core_arm', '2026-01-01', 0.026, NULL),
        ('linux_32_core_arm', '2026-01-01', 0.050, NULL),
        ('linux_64_core_arm', '2026-01-01', 0.098, NULL),
        ('windows_2_core_arm', '2026-01-01', 0.008, '{windows-11-arm}'),
        ('windows_4_core_arm', '2026-01-01', 0.014, NULL),
        ('windows_8_core_arm', '2026-01-01', 0.026, NULL),
        ('windows_16_core_arm', '2026-01-01', 0.050, NULL),
        ('windows_32_core_arm', '2026-01-01', 0.098, NULL),
        ('windows_64_core_arm', '2026-01-01', 0.194, NULL),
        ('linux_gpu', '2026-01-01', 0.052, NULL),
        ('windows_gpu', '2026-01-01', 0.102, NULL),
        ('self_hosted', '2019-11-13', 0, '{self-hosted}')
) AS price (sku, valid_from, price, labels_text),
LATERAL (SELECT labels_text::text[] AS labels) AS parsed;
"""


def upgrade() -> None:
    """Make the table and fill it."""
    op.execute(TABLE)
    op.execute(PRICES)


def downgrade() -> None:
    """Drop it."""
    op.execute("DROP TABLE runner_prices")
