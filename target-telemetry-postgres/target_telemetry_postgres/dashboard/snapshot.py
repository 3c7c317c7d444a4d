"""Everything that a page knows, read in one snapshot of the store, as deflated bytes."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from target_telemetry_postgres.dashboard import queries
from target_telemetry_postgres.dashboard.cubes import BIN_WIDTH, REST, read_cubes
from target_telemetry_postgres.dashboard.options import zone_of

if TYPE_CHECKING:
    import psycopg

    from target_telemetry_postgres.dashboard.options import PageOptions

#: The form of the data; a page and the data that it fetches must agree on it.
FORM: Final = 1
_HEADER_LENGTH: Final = 4
# The levels above take several times as long for a hundredth.
_LEVEL: Final = 7


@dataclass(frozen=True)
class Snapshot:
    """A page's data: a JSON header and columns of numbers."""

    header: dict[str, Any]
    blob: bytes

    def deflated(self) -> bytes:
        """The data as a browser inflates it: the header's length, the header, the numbers."""
        header = json.dumps(self.header, ensure_ascii=False, separators=(",", ":")).encode()
        whole = len(header).to_bytes(_HEADER_LENGTH, "little") + header + self.blob
        return zlib.compress(whole, _LEVEL)


def take_snapshot(cursor: psycopg.Cursor[dict[str, Any]], options: PageOptions) -> Snapshot:
    """Read everything that a page shows.

    Args:
        cursor: Reads in one snapshot, so that every figure belongs to the same instant.
        options: Which rows, and what to leave out.
    """
    since, until = options.span
    zone_of(options.zone)
    parameters = {
        "since": since,
        "until": until,
        "first_day": options.first_day,
        "timezone": options.zone,
        "repositories": list(options.repositories) or None,
        "without": options.without,
        "with_titles": "titles" not in options.without,
        "with_branches": "branches" not in options.without,
        "with_errors": "errors" not in options.without,
    }
    connection = cursor.connection
    # Sums over millions of rows: the default of 4 MB would sort them on disk.
    connection.execute("set local work_mem = '64MB'")
    connection.execute("set local jit = off")
    with connection.cursor(binary=True) as binary:
        cubes = read_cubes(binary, parameters)
    header = {
        "form": FORM,
        "built_at": int(options.now.timestamp()),
        "zone": options.zone,
        "first_day": options.first_day.isoformat(),
        "days": (options.last_day - options.first_day).days + 1,
        "bin_width": BIN_WIDTH,
        "rest": REST,
        "repositories": list(options.repositories),
        "without": sorted(options.without),
        "values": {name: list(values) for name, values in cubes.values.items()},
        "cubes": cubes.headers,
        "tables": _tables(cursor, parameters),
    }
    return Snapshot(header, bytes(cubes.packer.blob))


def _tables(
    cursor: psycopg.Cursor[dict[str, Any]], parameters: dict[str, Any]
) -> dict[str, list[dict[str, Any]]]:
    """The short lists that are shown as they are."""
    found = {}
    for name in queries.names("tables"):
        if queries.ask(cursor, queries.read("tables", name), parameters):
            found[name] = cursor.fetchall()
    return found
