"""Artifact zips: what is read out of them, and how bombs and broken ones are survived."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_github_actions._shared.coverage import Limits, read_artifact

REPORT = b'{"totals": {"covered_lines": 9, "num_statements": 10}}'
LCOV = b"TN:\nSF:a\nDA:1,1\nend_of_record\n"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_every_report_in_an_artifact_is_read_whatever_it_is_called() -> None:
    files = {"sub/../weird name": REPORT, "/etc/passwd": LCOV, "index.html": b"<html></html>"}
    reading = read_artifact(zipped(files), "cov")
    assert [(report.report_name, report.format) for report in reading.reports] == [
        ("cov/sub/../weird name", "coverage.py"),
        ("cov//etc/passwd", "lcov"),
    ]
    assert reading.skipped == ()


def test_a_broken_report_is_named_and_the_others_are_read() -> None:
    reading = read_artifact(zipped({"bad.xml": b"<coverage", "good": LCOV}), "cov")
    assert [report.report_name for report in reading.reports] == ["cov/good"]
    assert [(each.name, each.reason) for each in reading.skipped] == [
        ("cov/bad.xml", "it is not well-formed XML")
    ]


def test_a_file_that_unpacks_to_far_more_than_it_was_is_skipped_without_holding_it() -> None:
    bomb = zipped({"bomb.json": b'{"totals":' + b" " * 300 * 2**20, "good": LCOV})
    tracemalloc.start()
    reading = read_artifact(bomb, "cov")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80 * 2**20  # of 300
    assert [report.report_name for report in reading.reports] == ["cov/good"]
    assert "200 times its packed size" in reading.skipped[0].reason


def test_limits_count_what_is_unpacked_and_not_what_the_directory_says() -> None:
    honest = zipped({"big": LCOV * 2_000})
    size = (len(LCOV) * 2_000).to_bytes(4, "little")
    lying = honest.replace(size, (10).to_bytes(4, "little"))
    assert lying != honest
    reading = read_artifact(lying, "cov", limits=Limits(member_bytes=1_000))
    assert reading.reports == ()
    assert len(reading.skipped) == 1


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(archive_bytes=10), "more than the 10 that are read"),
        (Limits(members=2), "holds 3 files"),
        (Limits(member_bytes=20), "more than 20 bytes"),
        (Limits(total_bytes=70), "unpacks to more than"),
    ],
)
def test_each_limit_is_kept_and_explained(limits: Limits, reason: str) -> None:
    reading = read_artifact(zipped({"a": REPORT, "b": LCOV, "c": REPORT}), "cov", limits=limits)
    assert any(reason in each.reason for each in reading.skipped), reading


def test_an_encrypted_file_is_skipped() -> None:
    data = bytearray(zipped({"a": REPORT}))
    directory = data.index(b"PK\x01\x02")
    data[6] |= 1
    data[directory + 8] |= 1
    assert read_artifact(bytes(data), "cov").skipped[0].reason == "it is encrypted"


def test_a_damaged_file_is_skipped() -> None:
    whole = zipped({"a": REPORT * 50})
    middle = 30 + 1 + 10
    broken = whole[:middle] + bytes([whole[middle] ^ 0xFF]) + whole[middle + 1 :]
    reading = read_artifact(broken, "cov")
    assert (reading.reports, reading.skipped[0].reason) == ((), "it is damaged")


def test_a_file_without_a_name_is_a_file_like_any_other() -> None:
    whole = zipped({"a": b"?", "b": REPORT})
    directory = whole.index(b"PK\x01\x02")
    named = directory + 46
    nameless = bytearray(whole[:named] + whole[named + 1 :])
    nameless[directory + 28] = 0
    end = nameless.index(b"PK\x05\x06")
    nameless[end + 12 : end + 16] = (end - directory).to_bytes(4, "little")
    reading = read_artifact(bytes(nameless), "cov")
    assert len(reading.reports) == 1
    assert len(reading.skipped) == 1


@given(st.binary(max_size=400))
def test_any_bytes_are_survived_as_an_artifact(data: bytes) -> None:
    reading = read_artifact(data, "cov")
    assert reading.skipped[0].reason


@given(st.data())
def test_a_zip_with_flipped_bytes_is_survived(choices: st.DataObject) -> None:
    data = bytearray(zipped({"a.json": REPORT, "b.info": LCOV * 3}))
    for _ in range(choices.draw(st.integers(1, 6))):
        data[choices.draw(st.integers(0, len(data) - 1))] = choices.draw(st.integers(0, 255))
    reading = read_artifact(bytes(data), "cov")
    for report in reading.reports:
        assert report.lines_total is not None


def test_deflate_noise_is_survived() -> None:
    data = zipped({"a": bytes(range(256)) * 40})
    start = 31
    for cut in range(start, start + 60):
        mixed = data[:cut] + zlib.compress(b"x" * 40)[:20] + data[cut + 20 :]
        read_artifact(mixed, "cov")
