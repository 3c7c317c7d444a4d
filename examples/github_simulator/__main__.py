"""`python -m github_simulator`: serve a world until told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from github_simulator.clock import Clock
from github_simulator.demo import anchored, demo_world
from github_simulator.server import Simulator
from github_simulator.world import World


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C; 0 when stopped so, 1 when it could not start."""
    options = parse(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        world = demo_world(anchored(options.anchor_file)) if options.demo else empty_world()
        simulator = Simulator(world, port=options.port, prefix=options.prefix)
    except (OSError, OverflowError, ValueError) as error:
        print(f"The GitHub simulator cannot start: {error}.", file=sys.stderr)
        return 1
    with simulator:
        if options.url_file:
            write_whole(options.url_file, simulator.url + "\n")
        print(simulator.url, flush=True)
        stop.wait()
    return 0


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m github_simulator",
        description="Serve a simulated GitHub Actions API on 127.0.0.1; any token is accepted.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes a free port")
    parser.add_argument("--demo", action="store_true", help="a month of a made-up team's work")
    parser.add_argument(
        "--anchor-file",
        type=Path,
        help="keeps the instant the demo's month ends, so that each start shows the same month",
    )
    parser.add_argument("--url-file", type=Path, help="where to write the address once it listens")
    parser.add_argument("--prefix", default="", help="a path before every endpoint, as /api/v3")
    return parser.parse_args(arguments)


def empty_world() -> World:
    """Return a world with nothing in it and the real time."""
    return World(clock=Clock(ticking=True))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader finds all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f"{path.suffix}.draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
