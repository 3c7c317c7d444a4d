"""A log that is rotated at random, with equal calls everywhere: as many rows as calls."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.llm_csv import HEADER, Machine, check_figures, row

FULL = os.environ.get("TELEMETRY_PROOF") == "full"

ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.lists(st.integers(0, 1), min_size=1, max_size=4)),
        st.tuples(
            st.sampled_from(["rotate", "run", "run", "forget", "compress", "touch"]), st.none()
        ),
        st.tuples(st.just("crash"), st.integers(0, 6)),
    ),
    max_size=30,
)


@pytest.mark.proof
@settings(
    max_examples=5000 if FULL else 150,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(actions=ACTIONS, whole_folder=st.booleans())
def test_a_rotated_log_has_every_call_once_in_one_run_or_many(
    actions: list[tuple[str, Any]], whole_folder: bool
) -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log = folder / "usage.csv"
        log.write_text(HEADER + "\n")
        machine = Machine(folder if whole_folder else log, idle_seconds=10**9)
        calls = second = backups = 0
        for action, detail in actions:
            if action == "write":
                with log.open("a") as file:
                    for step in detail:
                        second += step
                        # Equal calls, told apart by their notes only, which are no part of an id.
                        file.write(row(second, notes=f"call {calls}") + "\n")
                        calls += 1
            elif action == "rotate":
                # A log that is rotated twice between two runs is not found by one path.
                if not whole_folder:
                    machine.run()
                log.rename(folder / f"usage_backup_{backups:04d}.csv")
                backups += 1
                log.write_text(HEADER + "\n")
            elif action == "compress" and whole_folder:
                for old in folder.glob("usage_backup_*.csv"):
                    (folder / (old.name + ".gz")).write_bytes(gzip.compress(old.read_bytes()))
                    old.unlink()
            elif action == "touch":
                os.utime(log, (1, 10**9))
            elif action == "run":
                machine.run()
            elif action == "crash":
                machine.run(crash_after=detail)
            elif action == "forget" and whole_folder:
                machine.forget()
        machine.run()
        assert len(machine.calls) == calls
        check_figures(machine.files)
        again = Machine(folder)
        again.run()
        assert again.call_ids == machine.call_ids
