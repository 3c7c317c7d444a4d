"""The forms of coverage reports, and what is made of files that only look like one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_github_actions._shared.coverage import Report, UnreadableError, read_report

COBERTURA = b"""<?xml version="1.0" ?>
<coverage version="7.6" line-rate="0.75" lines-covered="3" lines-valid="4"
          branches-covered="1" branches-valid="2" timestamp="1700000000000">
  <packages><package name="app"><classes><class name="a.py" filename="a.py"><lines>
    <line number="1" hits="1"/><line number="2" hits="0"/>
  </lines></class></classes></package></packages>
</coverage>"""

COBERTURA_WITHOUT_TOTALS = b"""<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.5"><packages><package><classes>
  <class filename="a.c">
    <methods><method name="f"><lines><line number="1" hits="2"/></lines></method></methods>
    <lines>
      <line number="1" hits="2"/>
      <line number="2" hits="0" branch="true" condition-coverage="50% (1/2)"/>
    </lines>
  </class>
  <class filename="b.c"><lines><line number="1" hits="0"/></lines></class>
</classes></package></packages></coverage>"""

LCOV = b"""TN:
SF:src/a.ts
DA:1,5
DA:2,0
DA:3,-1
BRDA:1,0,0,1
BRDA:1,0,1,-
LF:3
LH:1
end_of_record
TN:second
SF:src/a.ts
DA:2,7
end_of_record
SF:src/only-summary.ts
LF:10
LH:4
end_of_record
"""

ISTANBUL = b"""{"total": {"lines": {"total": 200, "covered": 150, "skipped": 0, "pct": 75},
 "branches": {"total": 40, "covered": 10, "skipped": 0, "pct": 25}}}"""

COVERAGE_PY = b"""{"meta": {"format": 3}, "files": {}, "totals":
 {"covered_lines": 90, "num_statements": 120, "percent_covered": 71.2, "excluded_lines": 1,
  "num_branches": 20, "num_partial_branches": 2, "covered_branches": 15, "missing_branches": 5}}"""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (COBERTURA, ("cobertura", 3, 4, 1, 2, 75.0)),
        (COBERTURA_WITHOUT_TOTALS, ("cobertura", 1, 3, 1, 2, 33.3333)),
        (LCOV, ("lcov", 6, 13, 1, 2, 46.1538)),
        (ISTANBUL, ("istanbul", 150, 200, 10, 40, 75.0)),
        (COVERAGE_PY, ("coverage.py", 90, 120, 15, 20, 75.0)),
    ],
)
def test_each_form_gives_the_same_figures_as_its_writer(
    data: bytes, expected: tuple[object, ...]
) -> None:
    assert read_report(data, "x") == Report("x", *expected)


@pytest.mark.parametrize("data", [COBERTURA, LCOV, ISTANBUL, COVERAGE_PY])
def test_a_byte_order_mark_and_carriage_returns_do_not_matter(data: bytes) -> None:
    plain = read_report(data, "x")
    assert read_report(b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"), "x") == plain


def test_branches_that_were_not_measured_are_unknown_rather_than_zero() -> None:
    without = COBERTURA.replace(b'branches-covered="1" branches-valid="2"', b"")
    zero = COBERTURA.replace(b'covered="1" branches-valid="2"', b'covered="0" branches-valid="0"')
    for data in (without, zero):
        report = read_report(data, "x")
        assert (report.branches_covered, report.branches_total) == (None, None)


def test_a_report_about_nothing_has_no_percentage() -> None:
    empty = {"totals": {"covered_lines": 0, "num_statements": 0, "percent_covered": 100.0}}
    assert read_report(json.dumps(empty).encode(), "x").percent is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no 'SF:' record"),
        (b"hello", "no 'SF:' record"),
        (b"SF:a\nDA:1,1\n", "middle of a record"),
        (b"SF:a\nDA:1,many\nend_of_record\n", "'many' is not a count"),
        (b"<html></html>", "its root is <html>"),
        (b"<coverage>", "not well-formed"),
        (b"<coverage/>", "neither totals nor lines"),
        (b'<coverage lines-covered="5" lines-valid="4"/>', "5 of 4 lines"),
        (b"<coverage><line number='1'/></coverage>", "no number of hits"),
        (b"{", "not JSON"),
        (b"{}", "neither the 'total'"),
        (b'{"totals": {"covered_lines": "9", "num_statements": 10}}', "'covered_lines' is not"),
        (b'{"totals": {"covered_lines": 1.5, "num_statements": 10}}', "not a whole number"),
        (b'{"totals": {"covered_lines": -1, "num_statements": 10}}', "-1 of 10 lines"),
        (b'{"totals": {"covered_lines": true, "num_statements": 10}}', "is not a number"),
        (b'{"total": {"lines": {"total": 1e300, "covered": 1}}}', "1 of 1"),
        (b'{"total": {"lines": 7}}', "has no 'lines'"),
        (b"[" * 100_000, "no 'SF:' record"),
        (b'{"a":' * 100_000, "not JSON"),
    ],
)
def test_what_cannot_be_believed_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_report(data, "x")
    assert reason in str(refused.value)


BILLION_LAUGHS = b"""<!DOCTYPE coverage [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<coverage lines-covered="1" lines-valid="1">&b;</coverage>"""
OTHER_FILE = b"""<!DOCTYPE coverage [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<coverage lines-covered="1" lines-valid="1">&x;</coverage>"""
PARAMETERS = b"""<!DOCTYPE coverage [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]>
<coverage lines-covered="1" lines-valid="1"/>"""


@pytest.mark.parametrize("data", [BILLION_LAUGHS, OTHER_FILE, PARAMETERS])
def test_entities_are_never_expanded(data: bytes) -> None:
    with pytest.raises(UnreadableError, match="declares a document type or entities"):
        read_report(data, "x")


@given(st.binary(max_size=300))
def test_any_bytes_give_a_report_or_a_reason(data: bytes) -> None:
    read_or_refuse(data)


@given(st.data())
def test_damaged_reports_give_a_report_or_a_reason(choices: st.DataObject) -> None:
    whole = bytearray(choices.draw(st.sampled_from([COBERTURA, LCOV, ISTANBUL, COVERAGE_PY])))
    for _ in range(choices.draw(st.integers(1, 4))):
        at = choices.draw(st.integers(0, len(whole) - 1))
        whole[at : at + choices.draw(st.integers(0, 20))] = choices.draw(st.binary(max_size=8))
    read_or_refuse(bytes(whole))


def read_or_refuse(data: bytes) -> None:
    try:
        report = read_report(data, "x")
    except UnreadableError:
        return
    assert 0 <= (report.lines_covered or 0) <= (report.lines_total or 0)
    assert report.percent is None or 0 <= report.percent <= 100


lines = st.dictionaries(st.integers(1, 500), st.integers(0, 9), max_size=40)
sources = st.dictionaries(st.text("abc/.", min_size=1, max_size=6), lines, min_size=1, max_size=5)


@given(sources)
def test_all_forms_of_one_measurement_agree(files: dict[str, dict[int, int]]) -> None:
    covered = sum(hits > 0 for file in files.values() for hits in file.values())
    total = sum(len(file) for file in files.values())
    forms = [as_lcov(files), as_cobertura(files), as_json(covered, total)]
    for data in forms:
        report = read_report(data, "x")
        assert (report.lines_covered, report.lines_total) == (covered, total)


def as_lcov(files: dict[str, dict[int, int]]) -> bytes:
    records = (
        f"SF:{name}\n"
        + "".join(f"DA:{number},{hits}\n" for number, hits in file.items())
        + "end_of_record\n"
        for name, file in files.items()
    )
    return "".join(records).encode()


def as_cobertura(files: dict[str, dict[int, int]]) -> bytes:
    classes = (
        "<class>"
        + "".join(f'<line number="{number}" hits="{hits}"/>' for number, hits in file.items())
        + "</class>"
        for file in files.values()
    )
    return f"<coverage>{''.join(classes)}</coverage>".encode()


def as_json(covered: int, total: int) -> bytes:
    return json.dumps({"total": {"lines": {"total": total, "covered": covered}}}).encode()
