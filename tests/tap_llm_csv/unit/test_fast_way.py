"""The fast way says what the careful way says, to the byte."""

from __future__ import annotations

import csv
import io
import os
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.llm_csv import HEADER, row
from tap_llm_csv.dialects.model import HeaderError, PlanOptions
from tap_llm_csv.errors import FileError
from tap_llm_csv.files.bookmark import Bookmark, Window
from tap_llm_csv.loading import fast_blocks, file_load
from tap_llm_csv.loading.file_load import FileLoad
from tap_llm_csv.loading.refusals import Place
from tap_llm_csv.output.emit import as_line
from tap_llm_csv.plans.choose import plan_for
from tap_llm_csv.pricing.pricer import Pricer
from tap_llm_csv.reading import reader
from tap_llm_csv.reading.reader import Reader
from tap_llm_csv.reading.text_format import TextFormat
from tap_llm_csv.records import identity
from tap_llm_csv.records.identity import Ordinals, uuid_of, uuids_of
from tap_llm_csv.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tap_llm_csv.plans.plan import RowPlan

FULL = os.environ.get("TELEMETRY_PROOF") == "full"

NAMES = tuple(HEADER.split(","))
OVERRIDES = {
    "cheap": {"input": 0.0000123, "output": 0.1234567},
    "round": {"input": 1_000_000, "output": 2_000_000},
    "dated": [
        {"input": 1, "output": 2, "from": "2026-01-01"},
        {"input": 3, "output": 4, "from": "2026-02-01"},
    ],
}

PLANS = (
    (NAMES, PlanOptions()),
    (NAMES, PlanOptions(pricing="off")),
    (NAMES, PlanOptions(pricing="provided", timezone="Europe/Berlin")),
    (NAMES, PlanOptions(constants={"session_id": 's"1', "user_id": "{u}"})),
    ((*NAMES[:5], "session_id", "weird {name}", "notes"), PlanOptions()),
    (
        ("notes", "model", "input_tokens", "output_tokens", "phase", "error", "ttft_ms", NAMES[0]),
        PlanOptions(constants={"prompt_name": "x"}),
    ),
    (("timestamp", "model", "prompt_tokens", "completion_tokens"), PlanOptions()),
)


class Sent:
    """Takes what is sent, in order."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, str]] = []

    def wants(self, _stream: str) -> bool:
        return True

    def write(self, stream: str, records: list[dict[str, Any]]) -> None:
        self.messages += [(stream, as_line(record)) for record in records]


class SentLines(Sent):
    """The same, and lines too."""

    def lines(self, stream: str) -> Callable[[list[str]], None]:
        def write(records: list[str]) -> None:
            self.messages += [(stream, record) for record in records]

        return write


class Planner:
    """Compiles each header once for all examples."""

    def __init__(self, options: PlanOptions) -> None:
        self.pricer = Pricer({}, OVERRIDES)
        self._options = options
        self._plans: dict[tuple[str, ...], RowPlan | HeaderError] = {}

    def __call__(self, names: Sequence[str]) -> RowPlan:
        key = tuple(names)
        if key not in self._plans:
            try:
                self._plans[key] = plan_for(key, self._options, self.pricer)
            except HeaderError as error:
                self._plans[key] = error
        plan = self._plans[key]
        if isinstance(plan, HeaderError):
            raise plan
        return plan


# Two pricers a way, so that the models left without a price can be compared too.
FAST = [Planner(options) for _, options in PLANS]
CAREFUL = [Planner(options) for _, options in PLANS]


def read(
    planner: Planner, names: Sequence[str], data: bytes, output: Sent, how: dict[str, Any]
) -> dict[str, Any]:
    """Read a file's rows; return everything that the way could have done differently."""
    begin = len(",".join(names).encode()) + 1
    bookmark = Bookmark(path="u.csv", offset=begin, line=1, window=Window(begin, 1, 0, (0, begin)))
    rows = Reader(
        io.BytesIO(data), TextFormat(), offset=begin, line=1, final=how["final"],
        chunk=how["chunk"], max_record_lines=5,
    )  # fmt: skip
    ordinals = Ordinals()
    loading = FileLoad(
        bookmark, Place("f", "ü.csv", "utf-8", "now"), rows, planner, how["settings"], output,
        ordinals,
    )  # fmt: skip
    loading.adopt(planner(names))
    stopped = None
    batches: list[tuple[Any, ...]] = []
    try:
        batches.extend((batch.offset, len(batch.rows), asdict(bookmark)) for batch in loading.run())
    except FileError as error:
        stopped = str(error)
    return {
        "messages": output.messages,
        "batches": batches,
        "bookmark": asdict(bookmark),
        "stopped": stopped,
        "held": rows.held,
        "counted": ordinals.counts(),
        "carried": (ordinals.block, ordinals.carried, ordinals.carried_before),
        "unpriced": planner.pricer.unpriced_models(),
    }


def both(index: int, data: bytes, **how: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    names = PLANS[index][0]
    how = {"final": True, "chunk": 4096, "settings": Settings(()), **how}
    quick = read(FAST[index], names, data, SentLines(), how)
    with patch.object(reader, "split_table", lambda *_: None):
        slow = read(CAREFUL[index], names, data, Sent(), how)
    return quick, slow


TIMES = st.sampled_from(
    [
        "2026-02-01T00:00:00Z", "2026-02-01T00:00:00Z", "2026-02-01T00:00:01Z",
        "2026-01-31T23:59:59Z", "2026-02-01 10:00:00", "2026-02-01T10:00:00.5Z",
        "2026-02-01T10:00:00+02:00", "1769904000", "2025-07-01T00:00:00Z", "2026-02-01",
        "2026-02-30T00:00:00Z", "2026-02-01T24:00:00Z", "2026-02-01t00:00:00z", "x", "",
        "\uff12026-02-01T00:00:00Z", "2026-02-01T00:00:60Z", " 2026-02-01T00:00:00Z",
        "0001-01-01T00:00:00Z", "2026-02-01X00:00:00Z",
    ]
)  # fmt: skip
MODELS = st.sampled_from(
    [
        "gpt-4o", "gpt-4o", "gemini-2.5-pro", "claude-sonnet-4-5", "o3", "cheap", "round", "dated",
        "none such", "Ünï 😀", "", " gpt-4o ", "a\\b", "\x7f\x01", "null", "None", "deepseek-chat",
        "\u2028", "{x}",
    ]
)  # fmt: skip
COUNTS = st.one_of(
    st.integers(0, 300_000).map(str),
    st.integers(0, 9).map(str),
    st.sampled_from(
        [
            "0", "007", "59200.0", "-1", "1e3", "", "\uff11\uff12", "²", "999999999999999999",
            "9" * 19, "9223372036854775807", "9" * 5000, " 7 ", "1_000", "+5", "NaN", "1.5", "null",
            "'5", "0.5", "00", "1000000000000000",
        ]
    ),
)  # fmt: skip
SUCCESS = st.sampled_from(["true", "true", "false", "", "TRUE", "0", "1", "maybe", "null", " ok"])
LABELS = st.sampled_from(["plan", "execute", "", "  x ", "null", 'q"uote', "b\\s", "é", "\t", "#1"])
KEY = "sk-" + "a1" * 12
NOTES = st.one_of(
    st.sampled_from(
        [
            "Phase 5 CI setup", "phase 6", "no PHASE2b here", "", "", "back\\slash", "tab\there",
            "bell\x07", "\x7f", "ünï", "😀", "\u2028", "{0}{notes}", "%s", "a'b", " ", "\x1f",
            KEY, f"key {KEY} refused", "task-force on it, no key",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12),
)  # fmt: skip

ANY = {
    "timestamp": TIMES, "model": MODELS, "prompt_tokens": COUNTS, "completion_tokens": COUNTS,
    "input_tokens": COUNTS, "output_tokens": COUNTS, "task_success": SUCCESS, "task_type": LABELS,
    "duration_ms": COUNTS, "ttft_ms": COUNTS, "notes": NOTES, "error": NOTES, "phase": LABELS,
    "session_id": LABELS, "weird {name}": NOTES,
}  # fmt: skip
GOOD = {
    "timestamp": st.sampled_from(["2026-02-01T00:00:00Z", "2026-02-01T00:00:01Z"]),
    "model": st.sampled_from(["gpt-4o", "gemini-2.5-pro", "cheap", "none such"]),
    "task_success": st.sampled_from(["true", "false"]),
    "task_type": st.sampled_from(["plan", "execute"]),
    "notes": st.sampled_from(["Phase 5 CI setup", "", "é", "say what", KEY]),
}
_COUNT = st.integers(0, 3).map(str)


@st.composite
def lines(draw: st.DrawFn, names: Sequence[str]) -> bytes:
    """One line of the file: good, quoted, ragged, or something else altogether."""
    kind = draw(st.sampled_from(["good"] * 6 + ["any"] * 3 + ["quoted", "ragged", "odd"]))
    if kind == "odd":
        return draw(
            st.sampled_from(
                [
                    b"", b",,,,,,,", b" ", b"\xff\xfe", b"a\0b", b"a\rb", b'"open', b'x,"y"z',
                    ",".join(names).encode(), HEADER.encode(), b"{}",
                    b"timestamp,model,input_tokens,output_tokens,notes",
                    row(3, notes='"quote').encode(),
                ]
            )
        )  # fmt: skip
    cells = [
        draw((GOOD if kind == "good" else ANY).get(name, _COUNT if kind == "good" else LABELS))
        for name in names
    ]
    if kind == "ragged":
        cells = draw(st.sampled_from([cells[:-1], [*cells, "more"], [*cells, ""]]))
    if kind == "quoted":
        out = io.StringIO()
        csv.writer(out, lineterminator="").writerow(cells)
        return out.getvalue().encode()
    return ",".join(cells).encode()


@st.composite
def files(draw: st.DrawFn) -> tuple[int, bytes]:
    index = draw(st.integers(0, len(PLANS) - 1))
    end = draw(st.sampled_from([b"\n", b"\n", b"\r\n"]))
    found = draw(st.lists(lines(PLANS[index][0]), max_size=24))
    return index, end.join(found) + (end if draw(st.booleans()) else b"")


SETTINGS = st.builds(
    Settings,
    st.just(()),
    start=st.sampled_from([None, None, "2026-02-01T00:00:00+00:00", "2026-02-01T00:00:01+00:00"]),
    on_reject=st.sampled_from(["continue", "continue", "continue", "fail"]),
    max_rejects=st.sampled_from([None, None, 2]),
    max_reject_ratio=st.sampled_from([0.5, 1.0]),
)


@pytest.mark.proof
@settings(
    max_examples=20_000 if FULL else 250,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    file=files(),
    part=st.integers(1, 6),
    block=st.sampled_from([2, 3, 7, 4096]),
    chunk=st.sampled_from([64, 300, 4096]),
    how=st.tuples(st.booleans(), SETTINGS),
)
def test_both_ways_send_the_same_and_remember_the_same(
    file: tuple[int, bytes], part: int, block: int, chunk: int, how: tuple[bool, Settings]
) -> None:
    with patch.object(file_load, "PART_ROWS", part), patch.object(identity, "BLOCK_LINES", block):
        quick, slow = both(*file, chunk=chunk, final=how[0], settings=how[1])
    assert quick == slow


def rows_of(count: int, **more: Any) -> bytes:
    return "".join(f"{row(second // 3, tokens=second % 5, **more)}\n" for second in range(count))\
        .encode()  # fmt: skip


def test_a_clean_file_never_leaves_the_fast_way() -> None:
    with patch.object(FileLoad, "_read_rows", side_effect=AssertionError("the careful way")):
        how = {"final": True, "chunk": 4096, "settings": Settings(())}
        found = read(FAST[0], NAMES, rows_of(300, notes="Phase 5: é"), SentLines(), how)
    assert len(found["messages"]) == found["bookmark"]["counts"]["emitted"] == 300
    assert len(set(found["messages"])) == 300


def test_a_bad_row_takes_only_its_neighbours_along() -> None:
    data = rows_of(300) + b"bad\n" + rows_of(300)
    seen: list[int] = []
    careful = FileLoad._read_rows

    def watched(self: FileLoad, *arguments: Any) -> int:
        seen.append(len(arguments[2]))
        return careful(self, *arguments)

    with patch.object(FileLoad, "_read_rows", watched):
        quick, slow = both(0, data, chunk=128 * 1024)
    assert quick == slow
    assert seen[0] <= fast_blocks.PART_ROWS
    assert sum(seen[:-1]) <= fast_blocks.PART_ROWS


def test_equal_rows_are_numbered_alike_across_blocks_of_lines() -> None:
    data = (row(5) + "\n").encode() * 40
    with patch.object(identity, "BLOCK_LINES", 16):
        quick, slow = both(0, data, chunk=500)
    assert quick == slow
    assert len(set(quick["messages"])) == 40


def test_many_ids_at_once_are_those_made_one_by_one() -> None:
    made = [b"%d" % number for number in range(100)]
    assert uuids_of(made) == [uuid_of(one) for one in made]
    assert uuids_of([]) == []


def test_redacted_rows_take_the_careful_way() -> None:
    assert plan_for(NAMES, PlanOptions(redact={"notes": "drop"}), Pricer()).block is None
    assert plan_for((*NAMES, "provider"), PlanOptions(), Pricer()).block is None
    assert plan_for(NAMES, PlanOptions(), Pricer()).block is not None
