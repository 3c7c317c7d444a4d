"""Random tables, random writers, random chunks, random crashes: every row exactly once."""

from __future__ import annotations

import csv
import io
import os
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.llm_csv import HEADER, Machine, check_figures

FULL = os.environ.get("TELEMETRY_PROOF") == "full"

NOTES = st.text(alphabet=st.sampled_from(list("ab ,;\"\n\r\té€😀=-'")), max_size=12).map(
    lambda text: text.replace("\r", "")
)

ROWS = st.lists(
    st.tuples(
        st.integers(0, 3),  # seconds since the row before: many equal timestamps
        st.sampled_from(["gpt-4o", "claude-3-opus", 'odd "model"']),
        st.integers(0, 2),
        NOTES,
    ),
    max_size=40,
)


def written(rows: list[Any], *, line_end: str, quoting: int) -> list[str]:
    """The physical text of each row, as the csv module would write it."""
    texts = []
    second = 0
    for step, model, tokens, notes in rows:
        second += step
        out = io.StringIO()
        stamp = f"2026-02-01T{second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}Z"
        writer = csv.writer(out, lineterminator=line_end, quoting=quoting)
        writer.writerow([stamp, model, tokens, 5, "true", "execute", 100, notes])
        texts.append(out.getvalue())
    return texts


def expected(rows: list[Any]) -> Counter:
    second = 0
    counted: Counter = Counter()
    for step, model, tokens, _ in rows:
        second += step
        counted[second, model.strip(), tokens] += 1
    return counted


def found(machine: Machine) -> Counter:
    counted: Counter = Counter()
    for call in machine.calls:
        hours, minutes, seconds = map(int, call["timestamp"][11:19].split(":"))
        counted[hours * 3600 + minutes * 60 + seconds, call["model"], call["input_tokens"]] += 1
    return counted


@pytest.mark.proof
@settings(
    max_examples=3000 if FULL else 120,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    rows=ROWS,
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    bom=st.booleans(),
    data=st.data(),
)
def test_every_row_arrives_exactly_once_whatever_the_writer_and_the_runs_do(
    rows: list[Any], line_end: str, quoting: int, bom: bool, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "usage.csv"
        machine = Machine(log, idle_seconds=10**9)
        head = ("\ufeff" if bom else "").encode() + (HEADER + line_end).encode()
        waiting = b"".join(
            [head, *(text.encode() for text in written(rows, line_end=line_end, quoting=quoting))]
        )
        log.write_bytes(b"")
        turns = 0
        while waiting:
            size = data.draw(st.integers(1, 200), label="bytes written")
            with log.open("ab") as file:
                file.write(waiting[:size])
            waiting = waiting[size:]
            action = data.draw(
                st.sampled_from(["run", "run", "crash", "nothing", "forget"]), label="then"
            )
            if action == "run":
                machine.run()
            elif action == "crash":
                machine.run(crash_after=data.draw(st.integers(0, 10), label="after"))
            elif action == "forget":
                machine.forget()
            turns += 1
        machine.run()
        assert found(machine) == expected(rows)
        check_figures(machine.files)
        before = machine.call_ids
        machine.run()
        assert sum(machine.sent.values()) == 0
        machine.forget()
        machine.run()
        again = machine.anew()
        again.run()
        assert machine.call_ids == before == again.call_ids
        assert not machine.rejects
