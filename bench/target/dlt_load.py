"""Load with dlt: `python dlt_load.py URL FOLDER FILE`, run in dlt's own environment.

A `.csv` FILE is read by Arrow and stays Arrow up to the database, dlt's fastest way. A `.singer`
FILE is decoded into dicts, what a Python source yields. Both upsert by key, through COPY of CSV.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlt
from dlt.destinations import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

KINDS: dict[str, dict[str, Any]] = {
    "integer": {"data_type": "bigint"},
    "number": {"data_type": "decimal", "precision": 18, "scale": 12},
    "boolean": {"data_type": "bool"},
    "object": {"data_type": "json"},
    "string": {"data_type": "text"},
}
BATCH_ROWS = 10_000


def main(url: str, folder: str, file: str, schema_file: str) -> None:
    """Run the pipeline once."""
    columns = columns_of(Path(schema_file))
    source = Path(file)
    rows = tables(source, columns) if source.suffix == ".csv" else records(source)

    @dlt.resource(
        name="llm_calls",
        primary_key="call_id",
        columns=columns,
        write_disposition={"disposition": "merge", "strategy": "upsert"},
    )
    def llm_calls() -> Iterator[Any]:
        yield from rows

    pipeline = dlt.pipeline(
        "bench", pipelines_dir=folder, destination=postgres(url), dataset_name="peer"
    )
    pipeline.run(llm_calls(), loader_file_format="csv").raise_on_failed_jobs()


def columns_of(schema_file: Path) -> dict[str, Any]:
    """The stream's columns as dlt names their types."""
    with schema_file.open(encoding="utf-8") as lines:
        properties = json.loads(next(lines))["schema"]["properties"]
    return {name: kind_of(schema) for name, schema in properties.items()}


def kind_of(schema: dict[str, Any]) -> dict[str, Any]:
    """One column's type."""
    if schema.get("format") == "date-time":
        return {"data_type": "timestamp"}
    types = schema["type"]
    return {**KINDS[types if isinstance(types, str) else types[0]]}


def records(file: Path) -> Iterator[list[dict[str, Any]]]:
    """The records in lists, which dlt takes faster than one by one."""
    batch = []
    with file.open("rb") as lines:
        for line in lines:
            message = dlt.common.json.loadb(line)
            if message["type"] == "RECORD":
                batch.append(message["record"])
            if len(batch) == BATCH_ROWS:
                yield batch
                batch = []
    if batch:
        yield batch


def tables(file: Path, columns: dict[str, Any]) -> Iterator[Any]:
    """The file's rows as Arrow tables."""
    import pyarrow as pa
    from pyarrow import csv

    kinds = {
        "bigint": pa.int64(),
        "decimal": pa.decimal128(18, 12),
        "bool": pa.bool_(),
        "json": pa.string(),
        "text": pa.string(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    types = {name: kinds[column["data_type"]] for name, column in columns.items()}
    options = csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    with csv.open_csv(file, convert_options=options) as reader:
        for batch in reader:
            if batch.num_rows:
                yield pa.Table.from_batches([batch])


if __name__ == "__main__":
    main(*sys.argv[1:])
