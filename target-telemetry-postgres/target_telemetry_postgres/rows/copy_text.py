"""Rows to the text that COPY takes, by the thread that decodes, while the writer's thread waits.

psycopg formats rows as they are sent, on the connection that is to carry them: the server would
have nothing to do meanwhile. Values are plain by now (`values.py`), and JSON spells plain values
nearly as CSV does, so one call of msgspec's writes many rows: an array a line. What is left is to
take off the brackets and to undo the escapes that only JSON has.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: How to read the text. A null without quotes is one, a string of these letters is not.
OPTIONS: Final = "FORMAT csv, NULL 'null', ESCAPE E'\\\\', ENCODING 'UTF8'"

#: Between two rows. In JSON no line break can be part of a value.
_SEAM: Final = b"]\n["
_WHITE: Final = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_CODE: Final = re.compile(rb"\\u00([01][0-9a-f])")

_encode: Final = msgspec.json.Encoder(decimal_format="number").encode_lines


class CopyText(NamedTuple):
    """Rows as COPY takes them.

    Attributes:
        text: All of them.
        rows: How many they are.
        in_order: Whether they come in the order of their keys.
    """

    text: bytes
    rows: int
    in_order: bool = False


def json_lines(rows: Sequence[Sequence[Any]]) -> bytes | None:
    """Rows of plain values as JSON, an array a line; None if there is a value that is not plain."""
    try:
        lines = _encode(rows)
    except (msgspec.MsgspecError, TypeError, OverflowError, UnicodeEncodeError):
        return None
    # A NUL, which only a psycopg that refuses it knows what to do with.
    return None if b"\\u0000" in lines else lines


def split(lines: bytes) -> list[bytes]:
    """The rows of `json_lines`, each without its brackets."""
    return lines[1:-2].split(_SEAM)


def joined(rows: Iterable[bytes]) -> bytes:
    """Rows from `split` as text for COPY."""
    return _unescaped(b"\n".join(rows))


def from_lines(lines: bytes) -> bytes:
    """What `json_lines` made as text for COPY."""
    return _unescaped(lines[1:-2].replace(_SEAM, b"\n"))


def _unescaped(text: bytes) -> bytes:
    """CSV undoes a backslash before a quote or another backslash; the others are undone here."""
    if b"\\" in text:
        # A NUL, which cannot occur, marks the backslashes that are not the beginning of an escape.
        text = text.replace(b"\\\\", b"\0")
        for letter, character in _WHITE.items():
            text = text.replace(b"\\" + letter, character)
        if b"\\u" in text:
            text = _CODE.sub(lambda code: bytes([int(code[1], 16)]), text)
        text = text.replace(b"\0", b"\\\\")
    return text + b"\n"
