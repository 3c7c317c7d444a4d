"""The text that COPY is sent is the one that psycopg would send for the same rows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from target_telemetry_postgres.copytext import copy_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.postgres import PostgresServer

_WORDS = st.text(
    st.one_of(
        st.sampled_from("\\\t\n\r\b\v\fN.\x01\x1f\x7f\u2028é🙂"),
        st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
    )
)
_COLUMNS = (
    _WORDS,
    st.integers(-(2**80), 2**80),
    st.booleans(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.none(),
)
_ROW = st.tuples(*(st.one_of(st.none(), column) for column in _COLUMNS), st.one_of(*_COLUMNS[1:]))


@pytest.fixture(scope="module")
def idle(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    """A connection: psycopg formats by what it knows of one."""
    with psycopg.connect(postgres_server.conninfo_for("postgres")) as connection:
        yield connection


def _psycopgs(connection: psycopg.Connection[Any], rows: list[tuple[Any, ...]]) -> bytes:
    file = io.BytesIO()
    writer = psycopg.copy.FileWriter(file)
    with connection.cursor() as cursor, psycopg.Copy(cursor, writer=writer) as copy:
        for row in rows:
            copy.write_row(row)
    return file.getvalue()


@settings(deadline=None)
@given(rows=st.lists(_ROW, max_size=20))
def test_every_value_is_spelled_as_psycopg_spells_it(
    idle: psycopg.Connection[Any], rows: list[tuple[Any, ...]]
) -> None:
    made = copy_text(rows, range(len(_COLUMNS) + 1))
    assert made is not None
    assert "".join(made).encode() == _psycopgs(idle, rows)


def test_long_batches_come_in_pieces_and_only_the_columns_asked_for() -> None:
    made = copy_text([(number, "left out", None) for number in range(1000)], [2, 0])
    assert made is not None
    assert len(made) > 1
    assert "".join(made) == "".join(f"\\N\t{number}\n" for number in range(1000))


def test_values_beyond_plain_ones_are_left_to_psycopg() -> None:
    assert copy_text([(1, "x"), (2, [3])], [0, 1]) is None
    assert copy_text([(1, "x"), (2, [3])], [0]) == ["1\n2\n"]
