"""Writes telemetry from any program: one line of NDJSON a record, never in the program's way.

    from telemetry_record import record_llm_call

    record_llm_call(model="gpt-4o", input_tokens=1200, output_tokens=80, prompt_name="review")

Off unless the environment variable `TELEMETRY_DB_ENABLED` is 1, true, yes or on. On, a record is
appended to the file of its stream in `records/` under `TELEMETRY_DIR` (`.telemetry`), where
tap-llm-csv finds it. Nothing here raises: what cannot be written waits for the next record and for
`flush`, and is warned of once a kind of failure, through `logging`.
"""

# Path objects would take longer than the write.
# ruff: noqa: PTH100, PTH103, PTH118, PTH120

from __future__ import annotations

import atexit
import contextlib
import json
import logging
import math
import os
import uuid
from collections import deque
from datetime import date, datetime, time, timezone
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Unpack

__all__ = [
    "ChatRequest", "LlmCall", "TokenEstimation", "TraceEvent", "flush", "record_chat_request",
    "record_llm_call", "record_token_estimation", "record_trace_event",
]  # fmt: skip

Instant = datetime | str
"""A time; one without a zone is taken for UTC."""


class LlmCall(TypedDict, total=False):
    """A call to a model: the columns of `llm_calls`."""

    call_id: str
    timestamp: Instant
    phase: str | None
    prompt_name: str | None
    model: str | None
    provider: str | None
    input_tokens: int | None
    output_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    reasoning_tokens: int | None
    estimated_cost: float | None
    success: bool | None
    error_message: str | None
    duration_ms: int | None
    ttft_ms: int | None
    session_id: str | None
    user_id: str | None
    finish_reason: str | None
    notes: str | None
    repository: str | None
    branch: str | None
    commit_sha: str | None
    environment: str | None
    extra: dict[str, Any] | None


class TokenEstimation(TypedDict, total=False):
    """An estimate of how much a model will say, and what it said: `token_estimation_v2_events`."""

    event_id: str
    run_id: str | None
    phase_id: str | None
    timestamp: Instant
    category: str | None
    complexity: str | None
    deliverable_count: int | None
    deliverables_json: list[str] | None
    predicted_output_tokens: int | None
    actual_output_tokens: int | None
    total_tokens: int | None
    selected_budget: int | None
    success: bool | None
    truncated: bool | None
    stop_reason: str | None
    model: str | None
    smape_percent: float | None
    waste_ratio: float | None
    underestimated: bool | None


class ChatRequest(TypedDict, total=False):
    """A question to a chat over data, and how it was answered: `chat_telemetry_log`."""

    log_id: str
    user_id: str
    conversation_id: str | None
    response_id: str | None
    created_at: Instant
    user_question: str
    ai_response: str | None
    generated_sql: str | None
    result_row_count: int | None
    follow_up_suggestions: list[str] | None
    error_type: str | None
    error_message: str | None
    failed_step: str | None
    is_off_topic: bool
    sql_model: str | None
    response_model: str | None
    nl_to_sql_duration_ms: int | None
    sql_execution_duration_ms: int | None
    response_generation_duration_ms: int | None
    ttfb_ms: int | None
    sql_input_tokens: int | None
    sql_output_tokens: int | None
    sql_cached_tokens: int | None
    response_input_tokens: int | None
    response_output_tokens: int | None
    response_cached_tokens: int | None


class TraceEvent(TypedDict, total=False):
    """Something that happened while a pull request was made: `pr_trace_events`."""

    event_id: str
    trace_id: str
    seq: int | None
    ts: Instant
    received_at: Instant | None
    type: str
    payload: dict[str, Any] | None
    session_id: str | None


def record_llm_call(**columns: Unpack[LlmCall]) -> None:
    """Record a call to a model; `call_id` and `timestamp` have defaults."""
    if _VARIABLES.get(_ENABLED) is None:
        return
    empty = {"model": None, "input_tokens": None, "output_tokens": None}
    _record("llm_calls", {"call_id": _new_id, "timestamp": _now}, {**empty, **columns})


def record_token_estimation(**columns: Unpack[TokenEstimation]) -> None:
    """Record an estimate beside what came; `event_id` and `timestamp` have defaults."""
    if _VARIABLES.get(_ENABLED) is None:
        return
    row = {"predicted_output_tokens": None, **columns}
    _record("token_estimation_v2_events", {"event_id": _new_id, "timestamp": _now}, row)


def record_chat_request(**columns: Unpack[ChatRequest]) -> None:
    """Record a chat request; `log_id`, `created_at` and `is_off_topic` (false) have defaults."""
    if _VARIABLES.get(_ENABLED) is None:
        return
    row = {"is_off_topic": False, **columns}
    _record("chat_telemetry_log", {"log_id": _new_id, "created_at": _now}, row)


def record_trace_event(**columns: Unpack[TraceEvent]) -> None:
    """Record an event of a pull request's trace; `ts` has a default, the tap makes the id."""
    if _VARIABLES.get(_ENABLED) is None:
        return
    _record("pr_trace_events", {"ts": _now}, {"seq": None, "payload": None, **columns})


def flush() -> int:
    """Write the records that could not be written when they were made; called at exit too.

    Returns:
        How many still cannot be written.
    """
    for path, lines in list(_waiting.items()):
        try:
            while lines:
                line = lines.popleft()
                try:
                    _append(path, line)
                except OSError:
                    lines.appendleft(line)
                    raise
        except IndexError:  # another thread took the last one
            continue
        except OSError as error:
            _warn(error, f"{path} cannot be written ({error.strerror}); what belongs there waits")
    return sum(map(len, _waiting.values()))


# A look-up in os.environ itself takes more than a microsecond: it encodes the name each time.
_VARIABLES = os.environ._data  # type: ignore[attr-defined]  # noqa: SLF001
_ENABLED = os.environ.encodekey("TELEMETRY_DB_ENABLED")
_ON = frozenset({"1", "true", "yes", "on"})
_LINES_KEPT = 1_000
_DEPTH_TOLD = 50
_DIGITS_TOLD = 1_000

_logger = logging.getLogger("telemetry_record")
_waiting: dict[str, deque[bytes]] = {}
"""The file of a stream → its lines that are still to be written."""
_warned: set[object] = set()


def _record(stream: str, defaults: dict[str, Callable[[], str]], row: dict[str, Any]) -> None:
    """Append a row to its stream's file, unless telemetry is off."""
    try:
        if os.environ.get("TELEMETRY_DB_ENABLED", "").strip().lower() not in _ON:
            return
        for name, make in defaults.items():
            if row.get(name) is None:
                row[name] = make()
        folder = os.environ.get("TELEMETRY_DIR") or ".telemetry"
        path = os.path.abspath(os.path.join(folder, "records", f"{stream}.ndjson"))
        lines = _waiting.setdefault(path, deque())
        lines.append(_line(row))
        if len(lines) > _LINES_KEPT:
            lines.popleft()
            _warn("full", f"{_LINES_KEPT:,} records wait for {path}; the oldest are dropped")
        flush()
    except Exception as error:  # noqa: BLE001 - the program that is watched goes on, whatever this is
        _warn(error, f"a record of {stream} is lost: {type(error).__name__}: {error}")


def _append(path: str, line: bytes) -> None:
    """Append a line in one write, which neither threads nor processes can come between.

    Nothing is held open and nothing is locked: a fork, a signal, a process that stops in the middle
    and a file that is moved away harm nobody. A full disk can cut a line off; whoever writes next
    starts a new one, and the whole line is written again later.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    try:
        file = os.open(path, flags, 0o600)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        file = os.open(path, flags, 0o600)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        if size:
            os.lseek(file, size - 1, os.SEEK_SET)
            if os.read(file, 1) != b"\n":
                line = b"\n" + line
        while os.write(file, line) < len(line):
            line = b"\n" + line.lstrip()  # the second time there is room, or the reason why not
    finally:
        os.close(file)


def _line(row: dict[str, Any]) -> bytes:
    """The row as JSON; what JSON cannot hold is told as text."""
    try:
        text = json.dumps(row, default=_told, ensure_ascii=False, allow_nan=False)
        return text.encode() + b"\n"
    except (TypeError, ValueError, RuntimeError):
        return json.dumps(_plain(row, ())).encode() + b"\n"


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """A value without what JSON cannot hold; `above`: the values that it is inside of."""
    inside = (*above, id(value))
    if len(inside) <= _DEPTH_TOLD and id(value) not in above:
        if isinstance(value, dict):
            return {_told(name): _plain(item, inside) for name, item in list(value.items())}
        if isinstance(value, list | tuple):
            return [_plain(item, inside) for item in list(value)]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 10**_DIGITS_TOLD else hex(value)
    if isinstance(value, float) and math.isfinite(value):
        return float(value)
    return _told(value)


def _told(value: Any) -> str:
    """Anything as text, without the halves of surrogate pairs that are no Unicode."""
    try:
        if isinstance(value, date | time):
            text = value.isoformat()
        elif isinstance(value, bytes | bytearray):
            text = value.decode("utf-8", "backslashreplace")
        else:
            text = value if type(value) is str else str(value)
        return text.encode("utf-8", "backslashreplace").decode()
    except Exception as error:  # noqa: BLE001 - a stranger's __str__ can raise anything
        return f"<{type(value).__name__} that cannot be told: {type(error).__name__}>"


def _new_id() -> str:
    return str(uuid.uuid4())


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="microseconds")


def _warn(kind: object, message: str) -> None:
    """Say what went wrong, once a kind of failure."""
    if isinstance(kind, Exception):
        kind = (type(kind), getattr(kind, "errno", None))
    if kind not in _warned:
        _warned.add(kind)
        with contextlib.suppress(Exception):
            _logger.warning("telemetry: %s", message)


def _at_exit() -> None:
    if lost := flush():
        _warn("lost", f"{lost:,} records could not be written and are lost")


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    # What waits is the parent's to write.
    os.register_at_fork(after_in_child=_waiting.clear)
