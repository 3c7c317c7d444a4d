"""Whole lines to standard output, and what to do when nobody reads them any more."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .errors import ReaderGoneError

if TYPE_CHECKING:
    from collections.abc import Iterator


def write(data: bytes | bytearray) -> None:
    """Write bytes, all of them; a buffer of standard output's own may keep the last.

    With `PYTHONUNBUFFERED` standard output is the bare file: a signal may cut a write short.

    Raises:
        ReaderGoneError: Nobody reads them.
    """
    with _reader_may_go():
        # Looked up each time: tests and embedders replace it.
        out = sys.stdout.buffer
        rest = memoryview(data)
        while rest:
            rest = rest[out.write(rest) or 0 :]


def say(line: str) -> None:
    """Write one line of text, out at once.

    Raises:
        ReaderGoneError: Nobody reads it.
    """
    with _reader_may_go():
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def flush() -> None:
    """Hand on what was written.

    Raises:
        ReaderGoneError: Nobody reads it.
    """
    with _reader_may_go():
        sys.stdout.flush()


@contextmanager
def _reader_may_go() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        # The interpreter would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise ReaderGoneError(
            "Whoever reads this program's output has stopped; its own log says why. "
            "The next run goes on from the last state that was kept."
        ) from error
