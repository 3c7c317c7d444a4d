"""What COPY stores of our text is what it stores of the rows that psycopg writes one by one."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from target_telemetry_postgres.rows.copy_text import OPTIONS, from_lines, joined, json_lines, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from support.postgres import PostgresServer

#: Every character that JSON, CSV or COPY's own format gives a meaning, and what could be mistaken
#: for a null, the end of the data, an escape, or the seam between two rows.
_SPECIAL = "\\\"'\t\n\r\b\v\f,[]{}./ \x01\x1f\x7f\u2028é🙂bfnrtuN0"
_TRAPS = [
    "",
    "null",
    "NULL",
    "\\N",
    "\\.",
    "\n\\.\n",
    "]\n[",
    '"],["',
    "a,b",
    '""',
    "\\",
    '\\"',
    "\\n",
    "\\\\n",
    "\\u0001",
    "\\\\u0001",
    "\\u005c",
    "\x01\\x01",
    " null ",
    "\ufeff",
]
#: What is not written at one stroke: in the text of a JSON value it is a NUL.
_NUL_SPELLED = "\\u0000"
_WORDS = st.one_of(
    st.sampled_from(_TRAPS),
    st.text(st.sampled_from(_SPECIAL)),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
).filter(lambda word: _NUL_SPELLED not in word)
_DECIMALS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, places=9),
    st.builds(
        lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
        st.integers(0, 1),
        st.lists(st.integers(0, 9), min_size=1, max_size=30).map(tuple),
        st.integers(-60, 60),
    ),
)
_COLUMNS = {
    "text": _WORDS,
    "numeric": st.one_of(st.integers(-(2**80), 2**80), _DECIMALS),
    "boolean": st.booleans(),
    "varchar": _WORDS,
    "bigint": st.integers(-(2**63), 2**63 - 1),
}
_ROW = st.tuples(*(st.one_of(st.none(), values) for values in _COLUMNS.values()))


@pytest.fixture(scope="module")
def server(postgres_server: PostgresServer) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(postgres_server.conninfo_for("postgres")) as connection:
        for table in ("ours", "theirs"):
            connection.execute(
                sql.SQL("CREATE TEMP TABLE {} (n int GENERATED ALWAYS AS IDENTITY, {})").format(
                    sql.Identifier(table),
                    sql.SQL(", ").join(
                        sql.SQL("{} {}").format(sql.Identifier(kind), sql.SQL(kind))
                        for kind in _COLUMNS
                    ),
                )
            )
        yield connection
        connection.rollback()


def _stored(
    connection: psycopg.Connection[Any], table: str, given_: bytes | Sequence[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    """What the table holds after a COPY of the text or the rows; numbers by their spelling."""
    names = sql.SQL(", ").join(map(sql.Identifier, _COLUMNS))
    words = sql.SQL(f" WITH ({OPTIONS})" if isinstance(given_, bytes) else "")
    statement = sql.SQL("COPY {} ({}) FROM STDIN{}").format(sql.Identifier(table), names, words)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.Identifier(table)))
        with cursor.copy(statement) as copy:
            if isinstance(given_, bytes):
                copy.write(given_)
            else:
                for row in given_:
                    copy.write_row(row)
        spelled = sql.SQL(", ").join(
            sql.SQL("{}::text").format(sql.Identifier(kind)) for kind in _COLUMNS
        )
        query = sql.SQL("SELECT {} FROM {} ORDER BY n").format(spelled, sql.Identifier(table))
        return cursor.execute(query).fetchall()


@settings(max_examples=400, deadline=None)
@given(rows=st.lists(_ROW, min_size=1, max_size=12))
@example([(word, None, None, other, 1) for word in _TRAPS for other in (*_TRAPS, None)])
@example([(None,) * len(_COLUMNS)])
def test_copy_stores_the_same_of_our_text_as_of_psycopgs(
    server: psycopg.Connection[Any], rows: list[tuple[Any, ...]]
) -> None:
    lines = json_lines(rows)
    assert lines is not None
    stored = _stored(server, "ours", from_lines(lines))
    assert stored == _stored(server, "theirs", rows)
    assert [row[0] for row in stored] == [row[0] for row in rows]


@given(rows=st.lists(_ROW, min_size=1, max_size=12), chance=st.randoms())
def test_rows_can_be_taken_apart_and_put_together_in_another_order(
    rows: list[tuple[Any, ...]], chance: Any
) -> None:
    order = list(range(len(rows)))
    chance.shuffle(order)
    pieces = split(json_lines(rows) or b"")
    assert len(pieces) == len(rows)
    shuffled = json_lines([rows[number] for number in order]) or b""
    assert joined([pieces[number] for number in order]) == from_lines(shuffled)


def test_a_stream_of_one_column_needs_no_commas(server: psycopg.Connection[Any]) -> None:
    words = [word for word in [*_TRAPS, None] for _ in range(2)]
    server.execute("CREATE TEMP TABLE one (n int GENERATED ALWAYS AS IDENTITY, v text)")
    with server.cursor() as cursor:
        with cursor.copy(f"COPY one (v) FROM STDIN WITH ({OPTIONS})") as copy:
            copy.write(from_lines(json_lines([[word] for word in words]) or b""))
        found = cursor.execute("SELECT v FROM one ORDER BY n").fetchall()
    assert [value for (value,) in found] == words


@pytest.mark.parametrize(
    "value", ["half a pair: \ud800", "a\0", f"a {_NUL_SPELLED}", object(), {1, 2.5j}]
)
def test_a_value_that_is_not_plain_leaves_the_rows_to_psycopg(value: Any) -> None:
    assert json_lines([(1, "x"), (2, value)]) is None
