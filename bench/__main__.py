"""`python -m bench [PART] [OPTIONS]`: measure one part, or all, and write docs/benchmarks.md."""

from __future__ import annotations

import importlib
import signal
import sys
from typing import Final

from bench.page import ORDER, assemble

_PACKAGES: Final = {part: f"bench.{part.replace('-', '_')}" for part in ORDER}
_USAGE: Final = f"""\
usage: python -m bench [{" | ".join(ORDER)} | all] [OPTIONS OF THE PART]

  target     this target, other Postgres targets and the floor, on the same records
  pipeline   meltano run tap-llm-csv target-telemetry-postgres, from the file to the table
  llm-csv    tap-llm-csv alone
  github     tap-github-actions alone
  dashboard  the page: writing it from a large store, and using it in a browser
  all        every part with its defaults (also without any argument)

Each part takes --help. The figures go to docs/benchmarks.md.
"""


def main(arguments: list[str]) -> int:
    """Run the parts asked for and write the page.

    Returns:
        The exit code: that of the first part that failed, or 0.
    """
    chosen, *options = arguments or ["all"]
    if chosen in {"-h", "--help"}:
        print(_USAGE)
        return 0
    if chosen == "all" and not options:
        parts = list(ORDER)
    elif chosen in _PACKAGES:
        parts = [chosen]
    else:
        print(f"bench: no part {' '.join(arguments)!r}\n\n{_USAGE}", file=sys.stderr)
        return 2
    # So that servers and temporary folders go too when the measurement is ended from outside.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    codes = [importlib.import_module(_PACKAGES[part]).main(options) for part in parts]
    if page := assemble():
        print(f"written: {page}")
    return next(filter(None, codes), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
