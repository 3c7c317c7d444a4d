"""The files that a BATCH message names."""

from __future__ import annotations

import gzip
import zlib
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from singer_sdk.helpers._batch import BaseBatchFileEncoding
from upath import UPath

from target_telemetry_postgres.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def records(encoding: dict[str, Any], manifest: Sequence[str]) -> Iterator[bytes | dict[str, Any]]:
    """Every record of the files: JSON text, or what the format decoded already."""
    described = BaseBatchFileEncoding.from_dict(dict(encoding))
    if described.format not in {"jsonl", "parquet"}:
        raise RecordError(
            f"BATCH files of the format {described.format!r} are not understood; let the tap "
            "write jsonl, or no batches."
        )
    for path in manifest:
        try:
            with UPath(path).open("rb") as file:
                yield from _PARSERS[described.format](file, described.compression)
        except (OSError, EOFError, zlib.error) as error:
            raise RecordError(f"The BATCH file {path} cannot be read: {error}") from error


def _lines(file: Any, compression: str | None) -> Iterator[bytes]:
    if compression == "gzip":
        with gzip.open(file) as unpacked:
            yield from filter(bytes.strip, unpacked)
    else:
        yield from filter(bytes.strip, file)


def _parquet(file: Any, _: str | None) -> Iterator[dict[str, Any]]:
    try:
        parquet = import_module("pyarrow.parquet")
    except ImportError:
        raise RecordError(
            "BATCH files in parquet need the package pyarrow; install it, or let the tap write "
            "jsonl."
        ) from None
    for group in parquet.ParquetFile(file).iter_batches():
        yield from group.to_pylist()


_PARSERS: Final[dict[str, Callable[[Any, str | None], Iterator[Any]]]] = {
    "jsonl": _lines,
    "parquet": _parquet,
}
