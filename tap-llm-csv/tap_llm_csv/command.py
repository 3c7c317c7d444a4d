"""The command line around the SDK's: errors in one sentence, and `--files`."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from tap_llm_csv import settings
from tap_llm_csv.dialects.model import HeaderError
from tap_llm_csv.errors import FileError, InterruptedSyncError, TapLLMCsvError
from tap_llm_csv.files.survey import survey
from tap_llm_csv.loading.prepare import is_snapshot, prepare
from tap_llm_csv.plans.choose import Planner

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping

    import click


class PlainCommand(SingerCommand):
    """Ends in one sentence where a person can mend what is wrong."""

    @classmethod
    def around(cls, command: click.Command, logger: logging.Logger) -> PlainCommand:
        """Take over what the SDK's command has."""
        return cls(
            name=command.name,
            callback=command.callback,
            params=command.params,
            context_settings=command.context_settings,
            help=command.help,
            logger=logger,
        )

    @override
    def invoke(self, ctx: click.Context) -> Any:
        with _in_one_sentence(self.logger):
            return super().invoke(ctx)

    @override
    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        # --test, --discover and --files run here, while the options are read.
        with _in_one_sentence(self.logger):
            return super().make_context(*args, **kwargs)


class _in_one_sentence:  # noqa: N801 - reads as what it does
    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def __enter__(self) -> None:
        return

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if os.environ.get("TELEMETRY_DEBUG") == "1" or self._logger.isEnabledFor(10):
            return
        if isinstance(error, InterruptedSyncError):
            self._logger.warning("%s", error)
            sys.exit(128 + signal.SIGTERM)
        if isinstance(error, TapLLMCsvError):
            self._logger.error("%s", error)
            sys.exit(1)
        if isinstance(error, json.JSONDecodeError):
            self._logger.error("a --config, --catalog or --state file is no JSON: %s", error)
            sys.exit(1)
        if isinstance(error, FileNotFoundError):
            self._logger.error("a file that the command line names is not there: %s", error)
            sys.exit(1)


def describe_files(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line of JSON for each file that the settings name: what it is taken for."""
    planner = Planner()
    for job in survey(settings.load(config), {}).jobs:
        entry: dict[str, Any] = {"path": job.path, "size_bytes": job.size, "status": "ready"}
        try:
            if job.error is not None:
                raise job.error
            if not prepare(job, planner):
                entry["status"] = "empty"
        except (FileError, HeaderError) as error:
            entry |= {"status": "failed", "message": str(error)}
        if job.plan is not None:
            entry |= {
                "stream": job.plan.stream,
                "dialect": job.plan.dialect,
                "mode": "snapshot" if is_snapshot(job, job.plan) else "append",
            }
        yield json.dumps(entry, ensure_ascii=False)
