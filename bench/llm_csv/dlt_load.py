"""dlt's filesystem source with its CSV reader, into JSON lines on disk; runs in dlt's own venv."""

from __future__ import annotations

import sys
from pathlib import Path

import dlt
from dlt.sources.filesystem import filesystem, read_csv


def main(path: str, folder: str) -> None:
    """Read the file into a folder."""
    source = Path(path)
    rows = filesystem(bucket_url=source.parent.as_uri(), file_glob=source.name) | read_csv()
    pipeline = dlt.pipeline(
        "bench_llm_csv",
        pipelines_dir=f"{folder}/pipelines",
        destination=dlt.destinations.filesystem(bucket_url=Path(folder, "out").as_uri()),
        dataset_name="bench",
    )
    pipeline.run(rows.with_name("llm_calls"), loader_file_format="jsonl")


main(sys.argv[1], sys.argv[2])
