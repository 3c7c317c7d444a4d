"""Which files a path stands for."""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH112, PTH113, PTH114, PTH118, PTH120, PTH207, PTH208

from __future__ import annotations

import glob
import os
import re
from typing import TYPE_CHECKING

from tap_llm_csv.errors import SourceError
from tap_llm_csv.settings import DEFAULT_PATHS, SourceSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

# usage.csv, usage.csv.1, events.ndjson.gz, usage.csv-20260131 …
_DATA_FILE = re.compile(
    r"\.(csv|tsv|txt|ndjson|jsonl|log)([.-][0-9][0-9T:_-]*)?(\.gz)?$", re.IGNORECASE
)

# Programs that trace pull requests write a document a batch; elsewhere `.json` may be anything.
_TRACES_FOLDER = "pr-traces"


def is_data_file(name: str, folder: str = "") -> bool:
    """Tell whether a folder's file is one to read, going by its name."""
    is_batch = name.endswith(".json") and folder.rstrip("/").endswith(_TRACES_FOLDER)
    return not name.startswith(".") and (is_batch or _DATA_FILE.search(name) is not None)


def find(spec: SourceSpec) -> list[str]:
    """Return the files of a path, by name; a folder stands for the data files in it.

    Raises:
        SourceError: A path that somebody named, and that is no glob, is not there, or it is a
            folder that cannot be read.
    """
    path = spec.path
    if os.path.isdir(path):
        try:
            names = [name for name in os.listdir(path) if is_data_file(name, path)]
        except OSError as error:
            raise SourceError(f"the folder {path} cannot be read: {error.strerror}") from error
        found: Iterator[str] = (os.path.join(path, name) for name in names)
    elif os.path.lexists(path):
        return [path]
    elif glob.has_magic(path):
        found = iter(glob.glob(path, recursive=True))
    elif spec.is_default:
        return []
    else:
        raise SourceError(
            f"{path} is not there: set 'path' (or TELEMETRY_CSV_PATH) to a file, a folder or a "
            f"glob; without it {', '.join(DEFAULT_PATHS)} are read"
        )
    # A link is a second name of a file; the file's own name comes first.
    return sorted(
        (name for name in found if os.path.isfile(name)),
        key=lambda name: (os.path.islink(name), name),
    )


def siblings(path: str) -> list[str]:
    """Return the data files beside a path: where a rotated file may have gone."""
    folder = os.path.dirname(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return []
    paths = (os.path.join(folder, name) for name in names if is_data_file(name))
    return sorted(name for name in paths if name != path and os.path.isfile(name))
