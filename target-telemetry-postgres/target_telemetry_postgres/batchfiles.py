"""The files that a BATCH message names."""

from __future__ import annotations

import gzip
from importlib import import_module
from typing import TYPE_CHECKING, Any

from singer_sdk.helpers._batch import BaseBatchFileEncoding, StorageTarget

from target_telemetry_postgres.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def records(encoding: dict[str, Any], manifest: Sequence[str]) -> Iterator[bytes | dict[str, Any]]:
    """Every record of the files: JSON text, or what the format decoded already."""
    described = BaseBatchFileEncoding.from_dict(dict(encoding))
    for path in manifest:
        head, tail = StorageTarget.split_url(path)
        storage = StorageTarget.from_url(head)
        if described.format == "jsonl":
            with storage.open(tail, mode="rb") as file:
                if described.compression == "gzip":
                    with gzip.open(file) as unpacked:
                        yield from filter(bytes.strip, unpacked)
                else:
                    yield from filter(bytes.strip, file)
        elif described.format == "parquet":
            yield from _parquet(storage, tail)
        else:
            raise RecordError(
                f"BATCH files of the format {described.format!r} are not understood; let the tap "
                "write jsonl, or no batches."
            )


def _parquet(storage: StorageTarget, tail: str) -> Iterator[dict[str, Any]]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise RecordError(
            "BATCH files in parquet need the package pyarrow; install it, or let the tap write "
            "jsonl."
        ) from None
    with storage.open(tail, mode="rb") as file:
        for group in parquet.ParquetFile(file).iter_batches():
            yield from group.to_pylist()
