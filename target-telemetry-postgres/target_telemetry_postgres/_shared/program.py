"""How a program starts and ends: quickly, and never long after a signal.

A signal asks a program to come to a good end. It has ten seconds for it; then it is over, with the
signal's exit code, whatever it waits for: a reader that does not read, a server that is silent.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import logging
import os
import select
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING, Final, NoReturn

from . import lines
from .errors import ReaderGoneError

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: How long a program may take to end after a signal.
GRACE_SECONDS: Final = 10.0
#: Meltano and a terminal send the same signal to the same program; a person sends another.
SAME_SECONDS: Final = 1.0

SIGNAL_EXIT: Final = 128
STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


def run(module: str, plugin: str, *, when_failed: Callable[[], None] = lambda: None) -> NoReturn:
    """Run a plugin's command line, and leave with its exit code.

    Args:
        module: Where the plugin is.
        plugin: Its class.
        when_failed: What is done before the program leaves with another code than 0.
    """
    watch = Watch()
    for number in STOPPING:
        signal.signal(number, _leave_at_once)
    # Nothing that is imported is ever garbage. To look for some, and once more at the end, takes
    # 0.1 s.
    gc.disable()
    command = getattr(importlib.import_module(module), plugin).cli
    gc.freeze()
    gc.enable()
    code: int | str | None = 1
    try:
        code = _code(command)
    finally:
        if code:
            when_failed()
        # While the watch still runs: the interpreter would flush when nothing can stop it.
        with contextlib.suppress(ReaderGoneError, ValueError):
            lines.flush()
        watch.leave()
    sys.exit(code)


def _code(command: Callable[[], object]) -> int | str | None:
    try:
        command()
    except SystemExit as end:
        return end.code
    return 0


def _leave_at_once(number: int, _frame: FrameType | None) -> None:
    """End before anything has begun; the plugin puts its own way to end in this one's place."""
    sys.exit(SIGNAL_EXIT + number)


class Watch:
    """Sees every signal when it comes, also while the program waits for something else.

    The interpreter writes a signal's number into a pipe before any handler of the program runs; a
    thread reads it there. So the time counts even where the main thread is deep in a library.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        if os.name != "posix":
            return
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=self._look, args=(reading,), name="signals", daemon=True).start()

    def leave(self) -> None:
        """Leave with the signal's code, if there was one, and wait for no thread."""
        if self.number is not None:
            logging.shutdown()
            os._exit(SIGNAL_EXIT + self.number)

    def _look(self, reading: int) -> None:
        while self.number is None:
            number = os.read(reading, 1)[0]
            if number in STOPPING:
                self.number = number
        since = time.monotonic()
        while (left := since + GRACE_SECONDS - time.monotonic()) > 0:
            if not select.select([reading], [], [], left)[0]:
                break
            again = os.read(reading, 1)[0] in STOPPING
            if again and time.monotonic() - since > SAME_SECONDS:
                os._exit(SIGNAL_EXIT + self.number)
        self._tell()
        os._exit(SIGNAL_EXIT + self.number)

    def _tell(self) -> None:
        """Say why, if whoever reads it does."""
        if select.select([], [2], [], 0)[1]:
            with contextlib.suppress(OSError):
                os.write(2, f"Ended {GRACE_SECONDS:.0f} s after signal {self.number}.\n".encode())
