"""What one would write in an afternoon: a plain SDK tap over csv.DictReader."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream, Tap
from singer_sdk import typing as th

if TYPE_CHECKING:
    from collections.abc import Iterable

_INTEGERS = ("prompt_tokens", "completion_tokens", "duration_ms")


class Calls(Stream):
    """The rows, three integers and a boolean."""

    name = "llm_calls"
    primary_keys = ("timestamp", "model", "task_type")
    schema = th.PropertiesList(
        th.Property("timestamp", th.DateTimeType, required=True),
        th.Property("model", th.StringType),
        *(th.Property(name, th.IntegerType) for name in _INTEGERS),
        th.Property("task_success", th.BooleanType),
        th.Property("task_type", th.StringType),
        th.Property("notes", th.StringType),
    ).to_dict()

    def get_records(self, context: Any) -> Iterable[dict[str, Any]]:
        """Read the file from its start."""
        del context
        with Path(self.config["path"]).open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                record: dict[str, Any] = dict(row)
                record.update({name: int(row[name]) for name in _INTEGERS})
                record["task_success"] = row["task_success"] == "true"
                yield record


class PlainTap(Tap):
    """One file, one stream."""

    name = "tap-plain-csv"
    config_jsonschema = th.PropertiesList(
        th.Property("path", th.StringType, required=True)
    ).to_dict()

    def discover_streams(self) -> list[Stream]:
        """Name the stream."""
        return [Calls(self)]


PlainTap.cli()
