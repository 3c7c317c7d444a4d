"""Which files a path stands for."""

# Paths stay the text that the settings give: it is what the ledger and the ids show.
# ruff: noqa: PTH110, PTH112, PTH113, PTH114, PTH115, PTH118, PTH120, PTH207, PTH208

from __future__ import annotations

import glob
import logging
import os
import re

from tap_llm_csv.errors import SourceError
from tap_llm_csv.settings import DEFAULT_PATHS, SourceSpec

logger = logging.getLogger("tap-llm-csv")

# usage.csv, usage.csv.1, events.ndjson.gz, usage.csv-20260131 …
_DATA_FILE = re.compile(
    r"\.(csv|tsv|txt|ndjson|jsonl|log)([.-][0-9][0-9T:_-]*)?(\.gz)?$", re.IGNORECASE
)

# Names that may hold such rows, in a form that is not read.
_OTHER_DATA = re.compile(
    r"\.(json|xml|info|xlsx?|ods|parquet|zip|db|sqlite3?|ya?ml)(\.gz)?$", re.IGNORECASE
)
_SHOWN = 5

# Programs that trace pull requests write a document a batch; elsewhere `.json` may be anything.
_TRACES_FOLDER = "pr-traces"


def is_data_file(name: str, folder: str = "") -> bool:
    """Tell whether a folder's file is one to read, going by its name."""
    is_batch = name.endswith(".json") and folder.rstrip("/").endswith(_TRACES_FOLDER)
    return not name.startswith(".") and (is_batch or _DATA_FILE.search(name) is not None)


def find(spec: SourceSpec) -> list[tuple[str, str]]:
    """Return the files of a path, by name, each with the path that it really has.

    A folder stands for the data files in it.

    Raises:
        SourceError: A path that somebody named is not there, a glob fits nothing, or a folder
            cannot be read.
    """
    path = spec.path
    if os.path.isdir(path):
        return _in_folder(path)
    if os.path.lexists(path):
        if not os.path.exists(path):
            raise SourceError(f"{path} is a link to {os.readlink(path)}, which is not there")
        return [(path, os.path.realpath(path))]
    if glob.has_magic(path):
        folders: dict[str, str] = {}
        found = [
            (name, os.path.islink(name), _real(name, folders))
            for name in glob.glob(path, recursive=True)
            if os.path.isfile(name)
        ]
        if not found and not spec.is_default:
            raise SourceError(f"no file fits {path}: correct the glob, or name a folder")
        return _in_order(found)
    if spec.is_default:
        return []
    raise SourceError(
        f"{path} is not there: set 'path' (or TELEMETRY_CSV_PATH) to a file, a folder or a "
        f"glob; without it {', '.join(DEFAULT_PATHS)} are read"
    )


def _in_folder(path: str) -> list[tuple[str, str]]:
    real = os.path.realpath(path)
    found, others = [], []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                name, is_link = entry.name, entry.is_symlink()
                if not is_data_file(name, path):
                    if _OTHER_DATA.search(name):
                        others.append(name)
                elif entry.is_file():
                    whole = os.path.join(path, name)
                    there = os.path.realpath(whole) if is_link else os.path.join(real, name)
                    found.append((whole, is_link, there))
    except OSError as error:
        raise SourceError(f"the folder {path} cannot be read: {error.strerror}") from error
    if others:
        others.sort()
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        logger.warning(
            "%s: %s%s not read, because a folder's logs are known by their names (.csv, .tsv, "
            ".txt, .log, .ndjson, .jsonl); name a file itself to have it read",
            path,
            ", ".join(others[:_SHOWN]) + more,
            " is" if len(others) == 1 else " are",
        )
    return _in_order(found)


def _real(path: str, folders: dict[str, str]) -> str:
    """The path without links; those of a folder are followed once."""
    if os.path.islink(path):
        return os.path.realpath(path)
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return os.path.join(folders[folder], name)


def _in_order(found: list[tuple[str, bool, str]]) -> list[tuple[str, str]]:
    # A link is a second name of a file; the file's own name comes first.
    return [(path, real) for path, _, real in sorted(found, key=lambda one: (one[1], one[0]))]


def siblings(path: str) -> list[str]:
    """Return the data files beside a path: where a rotated file may have gone."""
    folder = os.path.dirname(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return []
    paths = (os.path.join(folder, name) for name in names if is_data_file(name))
    return sorted(name for name in paths if name != path and os.path.isfile(name))
