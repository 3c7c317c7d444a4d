"""`python -m bench.target.server_user HOME PROGRAM …`: become a program of the scratch Postgres.

Postgres does not run as root; the embedded server's own rules say as whom it runs instead.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from target_telemetry_postgres.embedded import identity
from target_telemetry_postgres.embedded.server import postgres_binary


def main(home: str, program: str, *arguments: str) -> None:
    """Take an identity that Postgres accepts and turn into the program."""
    ground = identity.assume(Path(home), postgres_binary(Path(home) / "cluster" / "data"))
    binary = ground.postgres.with_name(program)
    data = ground.cluster / "data"
    os.execv(binary, [str(binary), "-D", str(data), *arguments])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(*sys.argv[1:])
