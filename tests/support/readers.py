"""The other end of a program's pipe: somebody who reads, who dawdles, or who is dead."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READERS = ("reading", "slow", "dead")
#: The programs have ten seconds; a machine that is busy needs more to tell of it.
LONG = 60


@dataclass
class Piped:
    """A program that writes to a reader."""

    process: subprocess.Popen[bytes]
    reader: str
    taken: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    @classmethod
    def start(
        cls,
        command: Sequence[str],
        reader: str,
        *,
        folder: Path,
        stdin: IO[bytes] | int = subprocess.DEVNULL,
    ) -> Piped:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return cls(process, reader)

    def _read(self) -> None:
        out: IO[bytes] | None = self.process.stdout
        assert out is not None
        if self.reader == "dead":
            self._gone.wait()
        while part := out.read1(4096 if self.reader == "slow" else 1 << 16):
            self.taken += part
            if self.reader == "slow" and not self._gone.is_set():
                time.sleep(0.02)
        out.close()

    def end(self) -> tuple[int, list[bytes]]:
        """The exit code, and the whole lines that the reader has or can still take."""
        code = self.process.wait(LONG)
        self._gone.set()
        self._thread.join(LONG)
        return code, bytes(self.taken).splitlines(keepends=True)
