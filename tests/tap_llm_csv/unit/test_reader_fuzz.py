"""Anything at all in a file: no crash, and every row is accounted for."""

from __future__ import annotations

import io
import os
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.llm_csv import HEADER, Machine, check_figures, row
from tap_llm_csv.errors import FileError
from tap_llm_csv.reading.reader import Reader
from tap_llm_csv.reading.text_format import detect

FULL = os.environ.get("TELEMETRY_PROOF") == "full"

PIECES = st.sampled_from(
    [
        row(1).encode(), row(2, notes='"a').encode(), row(3, notes='a"').encode(), HEADER.encode(),
        b"\n", b"\r\n", b"\r", b'"', b'""', b",", b",,,,,,,", b"\0", b"\xff", b"\xef\xbb\xbf",
        b"\xff\xfe", b"x" * 300, b'"\n"', b"{}", b'{"a":', b"\xe2\x80\xa8", b"a,b,c",
    ]
)  # fmt: skip
CONTENT = st.lists(PIECES | st.binary(max_size=8), max_size=25).map(b"".join)


@pytest.mark.proof
@settings(
    max_examples=100_000 if FULL else 150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(
    content=CONTENT,
    chunk=st.integers(1, 64),
    final=st.booleans(),
    delimiter=st.sampled_from([",", ";", ""]),
    data=st.data(),
)
def test_the_reader_hands_out_every_byte_once_and_in_order(
    content: bytes, chunk: int, final: bool, delimiter: str, data: st.DataObject
) -> None:
    try:
        text = detect(content)
    except FileError:
        return
    reader = Reader(
        io.BytesIO(content[text.start :]), text, delimiter=delimiter, width=8,
        is_row=lambda line: line.count(",") == 7, offset=text.start, final=final, chunk=chunk,
        max_record_lines=5,
    )  # fmt: skip
    at, line = text.start, 0
    for batch in reader.batches():
        assert batch.rows
        assert (batch.offset, batch.line) == (at, line)
        spans = [batch.span(index) for index in range(len(batch.rows))]
        assert spans[0][0] == at
        assert all(one[1] == two[0] for one, two in pairwise(spans))
        assert spans[-1][1] == batch.end
        at, line = batch.end, batch.line + batch.line_count
    assert reader.offset == at
    assert at <= len(content)
    if final:
        assert at == len(content)
        assert reader.held is None
    elif at < len(content):
        assert reader.held


@pytest.mark.proof
@settings(
    max_examples=20_000 if FULL else 40,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(content=CONTENT, cut=st.integers(0, 2000), header=st.booleans())
def test_a_file_of_anything_is_accounted_for_in_one_run_or_two(
    content: bytes, cut: int, header: list[str]
) -> None:
    content = (HEADER.encode() + b"\n" if header else b"") + content
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "usage.csv"
        machine = Machine(path, idle_seconds=10**9, max_reject_ratio=1.0)
        path.write_bytes(content[:cut])
        machine.run()
        path.write_bytes(content)
        machine.run()
        check_figures(machine.files)
        machine.config["idle_seconds"] = 0
        machine.run()
        check_figures(machine.files)
        again = machine.anew()
        again.run()
        check_figures(again.files)
