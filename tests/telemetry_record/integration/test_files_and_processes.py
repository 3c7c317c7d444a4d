"""Threads, processes, forks, signals, full disks and files that cannot be written."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from support.project import clean_environment

if TYPE_CHECKING:
    from pathlib import Path

FULL = os.environ.get("TELEMETRY_PROOF") == "full"
PROCESSES, THREADS, LINES = (8, 8, 10_000) if FULL else (4, 4, 150)

HAMMER = """
    import sys, threading
    from telemetry_record import record_llm_call
    process, threads, lines = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

    def work(thread):
        for number in range(lines):
            # Every hundredth line is larger than a page, and than what a pipe takes in one piece.
            notes = "x" * (70_000 if number % 100 == 0 else number % 300)
            record_llm_call(session_id=f"{process}/{thread}/{number}", notes=notes)

    workers = [threading.Thread(target=work, args=(t,)) for t in range(threads)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
"""


def program(
    folder: Path, code: str, *arguments: object, limit: int | None = None
) -> subprocess.Popen[str]:
    """Start a program that records into a folder; `limit`: the largest size of a file of its."""

    def before() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=clean_environment(TELEMETRY_DB_ENABLED="on", TELEMETRY_DIR=str(folder)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=before,  # noqa: PLW1509 - this process has one thread
    )


def finish(process: subprocess.Popen[str], code: int = 0) -> tuple[str, str]:
    out, err = process.communicate(timeout=600)
    assert process.returncode == code, err
    return out, err


def rows(folder: Path, stream: str = "llm_calls") -> list[dict[str, Any]]:
    text = (folder / "records" / f"{stream}.ndjson").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines() if line]


@pytest.mark.proof
def test_no_line_is_torn_or_lost_among_threads_and_processes(tmp_path: Path) -> None:
    started = [program(tmp_path, HAMMER, n, THREADS, LINES) for n in range(PROCESSES)]
    for process in started:
        assert finish(process)[1] == ""
    seen = Counter(row["session_id"] for row in rows(tmp_path))
    assert len(seen) == PROCESSES * THREADS * LINES
    assert set(seen.values()) == {1}


def test_a_full_disk_warns_once_and_tears_no_line_of_others(tmp_path: Path) -> None:
    # The limit cuts one write in two, as the end of a disk does.
    code = """
        from telemetry_record import record_llm_call
        for number in range(300):
            record_llm_call(session_id=f"limited {number}")
    """
    _, err = finish(program(tmp_path, code, limit=10_050))
    assert err.count("cannot be written") == 1, err
    assert err.count("are lost") == 1
    file = tmp_path / "records/llm_calls.ndjson"
    assert file.stat().st_size == 10_050
    finish(program(tmp_path, HAMMER, "free", 2, 50))
    whole, half = [], []
    for line in file.read_text("utf-8").splitlines():
        try:
            whole.append(json.loads(line)["session_id"])
        except ValueError:
            half.append(line)
    assert len(half) == 1
    assert {f"free/{thread}/{number}" for thread in (0, 1) for number in range(50)} <= set(whole)


def test_what_found_no_room_is_written_once_there_is_some(tmp_path: Path) -> None:
    code = """
        import resource
        from telemetry_record import flush, record_llm_call
        for number in range(100):
            record_llm_call(session_id=str(number))
        assert flush() > 0
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    """
    _, err = finish(program(tmp_path, code, limit=5_000))
    assert err.count("cannot be written") == 1
    assert "lost" not in err
    lines = (tmp_path / "records/llm_calls.ndjson").read_text("utf-8").splitlines()
    told = [json.loads(line)["session_id"] for line in lines if line.endswith("}")]
    assert told == [str(number) for number in range(100)]


def test_a_disk_without_a_single_free_byte_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records/llm_calls.ndjson").symlink_to("/dev/full")
    code = """
        from telemetry_record import record_llm_call, record_trace_event
        for number in range(1_500):
            record_llm_call(session_id=str(number))
        record_trace_event(trace_id="t", type="edit")
    """
    _, err = finish(program(tmp_path, code))
    assert err.count("No space left on device") == 1
    assert err.count("the oldest are dropped") == 1
    assert err.count("1,000 records could not be written and are lost") == 1
    assert len(rows(tmp_path, "pr_trace_events")) == 1


def test_a_folder_that_cannot_be_made_does_not_end_the_program(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    code = "from telemetry_record import record_llm_call as r; r(model='m'); print('alive')"
    out, err = finish(program(tmp_path / "taken", code))
    assert out == "alive\n"
    assert "cannot be written" in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_may_not_be_written_does_not_end_the_program(tmp_path: Path) -> None:
    check_a_read_only_file(tmp_path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")
def test_a_file_of_somebody_else_does_not_end_the_program(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    check_a_read_only_file(tmp_path, "import os; os.setuid(65534)")


def check_a_read_only_file(folder: Path, first: str = "") -> None:
    (folder / "records").mkdir()
    file = folder / "records/llm_calls.ndjson"
    file.write_text("")
    file.chmod(0o444)
    code = f"""
        from telemetry_record import record_llm_call as r
        {first}
        r(model="m"); r(model="m"); print("alive")
    """
    out, err = finish(program(folder, code))
    assert out == "alive\n"
    assert err.count("Permission denied") == 1
    assert file.read_text() == ""


def test_a_folder_that_is_removed_while_the_program_runs_is_made_again(tmp_path: Path) -> None:
    code = """
        import shutil, os
        from telemetry_record import record_llm_call as r
        r(session_id="before"); shutil.rmtree(os.environ["TELEMETRY_DIR"]); r(session_id="after")
    """
    assert finish(program(tmp_path / "t", code))[1] == ""
    assert [row["session_id"] for row in rows(tmp_path / "t")] == ["after"]


def test_a_file_that_ends_without_a_newline_is_gone_on_from_on_a_line_of_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records/llm_calls.ndjson").write_text('{"session_id": "first"}')
    finish(program(tmp_path, "from telemetry_record import record_llm_call as r; r(model='m')"))
    assert len(rows(tmp_path)) == 2


def test_a_child_writes_what_it_records_and_nothing_of_its_parents(tmp_path: Path) -> None:
    code = """
        import os, threading, resource
        from telemetry_record import record_llm_call
        stop = threading.Event()

        def busy():
            number = 0
            while not stop.is_set():
                record_llm_call(session_id=f"thread/{number}")
                number += 1

        worker = threading.Thread(target=busy)
        worker.start()
        children = []
        for child in range(20):
            if not (pid := os.fork()):
                for number in range(20):
                    record_llm_call(session_id=f"child {child}/{number}")
                os._exit(0)
            children.append(pid)
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        worker.join()
    """
    assert finish(program(tmp_path, code))[1] == ""
    seen = Counter(row["session_id"] for row in rows(tmp_path))
    assert set(seen.values()) == {1}
    assert sum(name.startswith("child") for name in seen) == 400


def test_what_waits_in_the_parent_is_not_written_by_the_child(tmp_path: Path) -> None:
    code = """
        import os, resource
        from telemetry_record import flush, record_llm_call
        record_llm_call(session_id="waits", notes="x" * 2_000)
        assert flush() == 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        if not os.fork():
            record_llm_call(session_id="child")
            os._exit(0)
        os.wait()
    """
    finish(program(tmp_path, code, limit=1_000))
    lines = (tmp_path / "records/llm_calls.ndjson").read_text("utf-8").splitlines()
    whole = [json.loads(line)["session_id"] for line in lines if line.endswith("}")]
    assert whole == ["child", "waits"]


def test_a_signal_handler_may_record_while_its_program_does(tmp_path: Path) -> None:
    code = """
        import itertools, signal
        from telemetry_record import record_llm_call
        count = itertools.count()

        def handler(*_):
            # The next signal may come before this one is dealt with.
            record_llm_call(session_id=f"handler {next(count)}")

        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
        for number in range(3_000):
            record_llm_call(session_id=f"main {number}")
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(next(count))
    """
    out, err = finish(program(tmp_path, code))
    assert err == ""
    assert int(out) > 0
    seen = Counter(row["session_id"] for row in rows(tmp_path))
    assert len(seen) == 3_000 + int(out)
    assert set(seen.values()) == {1}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_killed_program_leaves_only_whole_lines(tmp_path: Path, number: signal.Signals) -> None:
    code = "from telemetry_record import record_llm_call as r\nwhile True: r(notes='x' * 5_000)"
    process = program(tmp_path, code)
    file = tmp_path / "records/llm_calls.ndjson"
    while not (file.exists() and file.stat().st_size > 1_000_000):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    process.communicate(timeout=60)
    text = file.read_text("utf-8")
    assert text.endswith("\n")
    assert all(json.loads(line)["notes"] == "x" * 5_000 for line in text.splitlines())


def test_a_warning_that_is_an_error_does_not_reach_the_program(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    code = """
        import logging
        class Strict(logging.Filter):
            def filter(self, record):
                raise RuntimeError("no warnings here")
        logging.getLogger("telemetry_record").addFilter(Strict())
        from telemetry_record import record_llm_call
        record_llm_call(model="m")
        print("alive")
    """
    assert finish(program(tmp_path / "taken", code))[0] == "alive\n"


def test_only_the_owner_may_read_what_was_recorded(tmp_path: Path) -> None:
    finish(program(tmp_path, "from telemetry_record import record_llm_call as r; r(model='m')"))
    assert (tmp_path / "records").stat().st_mode & 0o077 == 0
    assert (tmp_path / "records/llm_calls.ndjson").stat().st_mode & 0o077 == 0
