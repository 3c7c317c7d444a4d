"""What a tap still sends when a run has failed: somebody must take it, until Meltano has noticed.

Meltano stops the tap as soon as the target has ended. Where its pipe breaks before it sees that, it
prints a hundred lines about the pipe over the sentence that says what happened.
"""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import Final

#: Meltano needs a moment; nobody should wait for longer.
MOST_SECONDS: Final = 5

_READ_ON: Final = f"""
import os, signal
signal.alarm({MOST_SECONDS})
while os.read(0, 1 << 20):
    pass
"""


def read_on_for_meltano() -> None:
    """Leave somebody behind who reads standard input to its end."""
    if "MELTANO_EXTRACTOR_NAME" not in os.environ or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return
    reader = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _READ_ON],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Nobody waits for it, which Popen would warn of.
    reader.returncode = 0
