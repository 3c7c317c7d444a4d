"""The command `telemetry-record`, which makes a record from a shell."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any, NoReturn, get_args, get_type_hints

import telemetry_record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KINDS: dict[str, tuple[Any, Callable[..., None]]] = {
    "llm-call": (telemetry_record.LlmCall, telemetry_record.record_llm_call),
    "token-estimation": (
        telemetry_record.TokenEstimation,
        telemetry_record.record_token_estimation,
    ),
    "chat-request": (telemetry_record.ChatRequest, telemetry_record.record_chat_request),
    "trace-event": (telemetry_record.TraceEvent, telemetry_record.record_trace_event),
}
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_EXPECTED = {
    int: "a whole number", float: "a number", bool: "true or false", list: "a JSON list",
    dict: "a JSON object",
}  # fmt: skip


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End with one sentence and the exit code that every command here has."""
        self.exit(1, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Append one record; 0 also where telemetry is off."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    shape, record = _KINDS[asked.kind]
    try:
        row = dict(_cell(argument, asked.kind, shape) for argument in asked.columns)
    except ValueError as error:
        parser.error(str(error))
    record(**row)
    # A warning has said why.
    return 1 if telemetry_record.flush() else 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="telemetry-record",
        description="Append a record to .telemetry/records/, where tap-llm-csv finds it. "
        "Does nothing unless TELEMETRY_DB_ENABLED is 1, true, yes or on.",
        epilog="example: telemetry-record llm-call model=gpt-4o input_tokens=12 output_tokens=3",
    )
    kinds = parser.add_subparsers(dest="kind", required=True, metavar="KIND")
    for kind, (shape, _) in _KINDS.items():
        columns = ", ".join(get_type_hints(shape))
        one = kinds.add_parser(kind, help=shape.__doc__, epilog=f"columns: {columns}")
        one.add_argument("columns", nargs="+", metavar="COLUMN=VALUE")
    return parser


def _cell(argument: str, kind: str, shape: Any) -> tuple[str, Any]:
    """`input_tokens=12` → the column and its value, a number where the column is one.

    Raises:
        ValueError: There is no such column, or the value is none of its kind.
    """
    name, sign, text = argument.partition("=")
    if not sign:
        raise ValueError(f"'{argument}' has no value: write COLUMN=VALUE")
    hints = get_type_hints(shape)
    if name not in hints:
        raise ValueError(f"{kind} has no column {name}; its columns are {', '.join(hints)}")
    types = get_args(hints[name]) or (hints[name],)
    wanted = next(
        (known for known in _EXPECTED if known in types or known in _origins(types)), None
    )
    if wanted is None or not text:
        return name, text or None
    if wanted is bool and text.lower() in _WORDS:
        return name, _WORDS[text.lower()]
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if type(value) is not wanted and not (wanted is float and type(value) is int):
        raise ValueError(f"{name} is '{text}', which is not {_EXPECTED[wanted]}")
    return name, value


def _origins(types: Sequence[Any]) -> list[Any]:
    return [getattr(one, "__origin__", None) for one in types]


if __name__ == "__main__":
    sys.exit(main())
