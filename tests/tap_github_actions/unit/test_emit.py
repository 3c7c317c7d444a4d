"""Messages reach standard output whole."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING

from tap_github_actions.emit import LineWriter

if TYPE_CHECKING:
    import pytest


class HesitantPipe(io.RawIOBase):
    """Takes a few bytes at a time, as a pipe does when a signal comes."""

    def __init__(self) -> None:
        self.taken = b""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        some = bytes(memoryview(data)[:7])  # type: ignore[arg-type]  # what a buffer may be
        self.taken += some
        return len(some)


def test_a_write_that_is_cut_short_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = HesitantPipe()
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=pipe))
    lines = [b'{"type":"RECORD","number":%d}\n' % number for number in range(20)]
    LineWriter.write_lines(lines)
    assert pipe.taken == b"".join(lines)
