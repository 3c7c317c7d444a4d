"""The tap's settings: what they are called, and what the rest of the tap makes of them."""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH111

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from singer_sdk import typing as th

from tap_llm_csv._shared.own_prices import PriceSettingError
from tap_llm_csv.dialects import DIALECTS, custom
from tap_llm_csv.dialects.model import HeaderError, PlanOptions
from tap_llm_csv.errors import SettingsError
from tap_llm_csv.pricing.pricer import pricer_for
from tap_llm_csv.records import secrets
from tap_llm_csv.records.redact import RedactError, check_rules
from tap_llm_csv.records.schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DEFAULT_PATHS = (".telemetry/usage.csv", ".telemetry/records/*.ndjson", ".telemetry/pr-traces/")
PATH_VARIABLE = "TELEMETRY_CSV_PATH"

Mode = Literal["append", "snapshot"]

_MODES = ["append", "snapshot"]
_STREAMS = sorted(SCHEMAS)
_TEXTS = th.ObjectType(additional_properties=th.StringType)
_ANYTHING = th.ObjectType(additional_properties=True)

_FILE_PROPERTIES = (
    th.Property("path", th.StringType, required=True, description="A file, a folder or a glob."),
    th.Property("dialect", th.StringType, description="As the setting of the same name."),
    th.Property("stream", th.StringType, description="The stream that the rows go to."),
    th.Property(
        "mode",
        th.StringType,
        allowed_values=_MODES,
        description="`append`: a log that grows; `snapshot`: an export, read whole.",
    ),
    th.Property("timezone", th.StringType, description="As the setting of the same name."),
    th.Property(
        "time_format", th.StringType, description="A strptime format for times that need one."
    ),
    th.Property("encoding", th.StringType, description="The file's encoding."),
    th.Property("delimiter", th.StringType, description="What separates the cells."),
    th.Property("column_map", _TEXTS, description="Property → the file's column name."),
    th.Property("constants", _ANYTHING, description="Property → a value for every row."),
    th.Property(
        "input_includes_cache",
        th.BooleanType,
        description="Whether the input column counts cached tokens. Unset: by the columns' names.",
    ),
)

CONFIG_JSONSCHEMA: dict[str, Any] = th.PropertiesList(
    th.Property(
        "path",
        th.StringType,
        description=(
            "A file, a folder or a glob. Unset: the environment variable TELEMETRY_CSV_PATH, "
            "else `.telemetry/usage.csv`, `.telemetry/records/*.ndjson` and "
            "`.telemetry/pr-traces/`, whichever are there."
        ),
    ),
    th.Property(
        "files",
        th.ArrayType(th.ObjectType(*_FILE_PROPERTIES, additional_properties=False)),
        description=(
            "Several paths, each with what is special about its files: `path`, `dialect`, "
            "`stream`, `mode` (`append` or `snapshot`), `timezone`, `time_format`, `encoding`, "
            "`delimiter`, `column_map`, `constants`, `input_includes_cache`. Read besides `path` "
            "where that is set too."
        ),
    ),
    th.Property(
        "dialect",
        th.StringType,
        default="auto",
        description="The format of the files; `auto` finds it by the names in their header.",
    ),
    th.Property(
        "timezone",
        th.StringType,
        default="UTC",
        description="The time zone of times that carry none, such as `Europe/Berlin`.",
    ),
    th.Property(
        "encoding",
        th.StringType,
        default="utf-8",
        description="The encoding of files without a byte order mark.",
    ),
    th.Property(
        "delimiter",
        th.StringType,
        description="What separates the cells: `,` `;` `|` or a tab. Unset: found by the header.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        description="Rows before this time are skipped and counted.",
    ),
    th.Property(
        "pricing",
        th.StringType,
        default="estimate",
        allowed_values=["estimate", "provided", "recalculate", "off"],
        description=(
            "`estimate`: a cost that the file gives counts, others are estimated from dated list "
            "prices; `provided`: only what the file gives; `recalculate`: always estimated; "
            "`off`: no costs."
        ),
    ),
    th.Property(
        "model_aliases",
        _TEXTS,
        description="Model name in the files → the model whose list prices hold for it.",
    ),
    th.Property(
        "price_overrides",
        _ANYTHING,
        description="Model → your own prices in US dollars per million tokens.",
    ),
    th.Property(
        "redact",
        _TEXTS,
        description=(
            'Property → `drop`, `hash` or `truncate:N`, such as `{"notes": "truncate:80", '
            '"user_id": "hash"}`.'
        ),
    ),
    th.Property(
        "redact_key",
        th.StringType,
        secret=True,
        description="A secret that makes hashed values unguessable; the same key, the same hashes.",
    ),
    th.Property(
        "secrets",
        th.StringType,
        default="drop",
        allowed_values=list(secrets.MODES),
        description=(
            "What becomes of columns that are named like a key or password, and of what is shaped "
            "like a key elsewhere in `extra`, in error messages and in rejected lines: `drop`, "
            "`hash` or `keep`."
        ),
    ),
    th.Property(
        "on_reject",
        th.StringType,
        default="continue",
        allowed_values=["continue", "fail"],
        description="`fail`: a run that rejected a line exits 1 once everything else is read.",
    ),
    th.Property(
        "max_rejects",
        th.IntegerType,
        description="Give a file up after more rejected lines than this in one run.",
    ),
    th.Property(
        "max_reject_ratio",
        th.NumberType,
        default=0.5,
        description=(
            "Give a file up where more than this share of its first 1,000 rows is rejected: it is "
            "read with the wrong dialect."
        ),
    ),
    th.Property(
        "reject_raw",
        th.StringType,
        allowed_values=["none", "hash", "truncated", "full"],
        description=(
            "What is kept of a rejected line's text; `truncated`: its first 2,048 bytes. Unset: "
            "`truncated`, or `hash` where `redact` is set."
        ),
    ),
    th.Property(
        "replay_rejects",
        th.BooleanType,
        default=False,
        description="Read the lines that were rejected in earlier runs again, after a fix.",
    ),
    th.Property(
        "idle_seconds",
        th.IntegerType,
        default=300,
        description=(
            "A file that nobody has written to for this long is complete: a last line without an "
            "end is a line, and a quote that is still open is an error."
        ),
    ),
    th.Property(
        "max_record_lines",
        th.IntegerType,
        default=1000,
        description="How many lines an open quote may go on before its first line is given up.",
    ),
).to_dict()


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A path and how its files are read."""

    path: str
    plan: PlanOptions
    mode: Mode | None = None
    encoding: str | None = None
    delimiter: str | None = None
    # A path that nobody asked for may be absent.
    is_default: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that the configuration says, checked."""

    sources: tuple[SourceSpec, ...]
    start: str | None = None
    on_reject: str = "continue"
    max_rejects: int | None = None
    max_reject_ratio: float = 0.5
    reject_raw: str = "truncated"
    replay_rejects: bool = False
    idle_seconds: int = 300
    max_record_lines: int = 1000
    # Takes out of a message what is shaped like a key.
    mask: Callable[[str], str] = str
    # Model aliases and price overrides.
    prices: tuple[Mapping[str, str], Mapping[str, Any]] = ({}, {})


def load(config: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Check the configuration; an empty value is an unset one (Meltano passes those).

    Raises:
        SettingsError: A value cannot be used.
    """
    environment = os.environ if environment is None else environment
    given = {name: value for name, value in config.items() if value not in ("", None)}
    sources = [_source(entry, given) for entry in given.get("files") or ()]
    path = given.get("path") or environment.get(PATH_VARIABLE)
    if path:
        sources.insert(0, _source({"path": path}, given))
    elif not sources:
        sources = [_source({"path": each}, given, is_default=True) for each in DEFAULT_PATHS]
    _check_figures(given)
    redact_rules = given.get("redact") or {}
    prices = given.get("model_aliases") or {}, given.get("price_overrides") or {}
    try:
        check_rules(redact_rules)
        pricer_for(*prices)
    except (RedactError, PriceSettingError) as error:
        raise SettingsError(str(error)) from error
    return Settings(
        sources=tuple(sources),
        start=_instant(given.get("start_date")),
        on_reject=given.get("on_reject", "continue"),
        max_rejects=given.get("max_rejects"),
        max_reject_ratio=float(given.get("max_reject_ratio", 0.5)),
        # What is redacted in rows should not survive in a rejected line.
        reject_raw=given.get("reject_raw", "hash" if redact_rules else "truncated"),
        replay_rejects=bool(given.get("replay_rejects", False)),
        idle_seconds=int(given.get("idle_seconds", 300)),
        max_record_lines=int(given.get("max_record_lines", 1000)),
        mask=partial(secrets.masked, how=given.get("secrets", "drop"), key=given.get("redact_key")),
        prices=prices,
    )


def _source(
    entry: Mapping[str, Any], given: Mapping[str, Any], *, is_default: bool = False
) -> SourceSpec:
    entry = {name: value for name, value in entry.items() if value not in ("", None)}
    if "path" not in entry:
        raise SettingsError("an entry of 'files' has no 'path': name a file, a folder or a glob")
    merged = {**given, **entry}
    stream = entry.get("stream")
    if stream is not None and stream not in SCHEMAS:
        raise SettingsError(
            f"the stream '{stream}' of {entry['path']} is unknown; use one of {', '.join(_STREAMS)}"
        )
    delimiter = merged.get("delimiter")
    if delimiter is not None:
        delimiter = {"\\t": "\t", "tab": "\t"}.get(delimiter, delimiter)
        if len(delimiter) != 1:
            raise SettingsError(f"the delimiter '{delimiter}' is not one character")
        if delimiter in '"\r\n\0':
            raise SettingsError(f"the delimiter {delimiter!r} cannot separate cells; use , or ;")
    timezone_name = str(merged.get("timezone", "UTC"))
    try:
        ZoneInfo(timezone_name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"the time zone '{timezone_name}' is unknown; use a name such as Europe/Berlin"
        ) from error
    plan = PlanOptions(
        dialect=merged.get("dialect", "auto"),
        stream=stream,
        timezone=timezone_name,
        time_format=merged.get("time_format"),
        column_map=entry.get("column_map") or {},
        constants=entry.get("constants") or {},
        pricing=given.get("pricing", "estimate"),
        model_aliases=given.get("model_aliases") or {},
        price_overrides=given.get("price_overrides") or {},
        redact=given.get("redact") or {},
        redact_key=given.get("redact_key"),
        cache_inside=entry.get("input_includes_cache"),
        secrets=given.get("secrets", "drop"),
    )
    path = os.path.expanduser(str(entry["path"]))
    _check_format(plan.time_format, path)
    _check_plan(plan, path)
    return SourceSpec(
        path=path,
        plan=plan,
        mode=entry.get("mode"),
        encoding=merged.get("encoding"),
        delimiter=delimiter,
        is_default=is_default,
    )


def _check_figures(given: Mapping[str, Any]) -> None:
    """Refuse numbers that could never do what was meant."""
    for name, least in (("max_rejects", 0), ("idle_seconds", 0), ("max_record_lines", 1)):
        value = given.get(name)
        if value is not None and value < least:
            raise SettingsError(f"{name} is {value}: it is a number from {least} on")
    ratio = given.get("max_reject_ratio")
    if ratio is not None and not 0 <= ratio <= 1:
        raise SettingsError(f"max_reject_ratio is {ratio:g}: it is a share, from 0 to 1")


def _check_format(time_format: str | None, path: str) -> None:
    if time_format is None:
        return
    try:
        text = datetime.now(timezone.utc).strftime(time_format)
        datetime.strptime(text, time_format)  # noqa: DTZ007 - only whether it can be read
    except (ValueError, re.error) as error:
        raise SettingsError(
            f"the time_format '{time_format}' of {path} cannot be used: {error}; write it as "
            "strptime does, for example %d/%m/%Y %H:%M"
        ) from error


def _check_plan(plan: PlanOptions, path: str) -> None:
    """Refuse a description of columns that fits no file at all."""
    if plan.dialect not in {"auto", "custom", *DIALECTS}:
        raise SettingsError(
            f"the dialect '{plan.dialect}' of {path} is unknown; use auto, custom or one of "
            f"{', '.join(DIALECTS)}"
        )
    streams = [plan.stream] if plan.stream else list(SCHEMAS)
    if plan.dialect in DIALECTS:
        streams = [DIALECTS[plan.dialect].stream]
    # What a dialect reads from a column can be read from another.
    columns = {
        column.target
        for dialect in DIALECTS.values()
        if dialect.stream in streams
        for column in dialect.columns
    }
    column_map = {name: title for name, title in plan.column_map.items() if name not in columns}
    problems = []
    for stream in streams:
        try:
            custom.check(stream, column_map, plan.constants)
        except HeaderError as error:
            problems.append(error)
    if len(problems) == len(streams):
        raise SettingsError(f"{path}: {problems[0].message}") from problems[0]


def _instant(value: str | None) -> str | None:
    """Bring a date or time to the text that records' times are compared with."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as error:
        raise SettingsError(
            f"start_date '{value}' is no date: write 2026-01-31 or 2026-01-31T00:00:00Z"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
