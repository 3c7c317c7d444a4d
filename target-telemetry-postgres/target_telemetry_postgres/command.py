"""The target's command line: as the SDK makes it, with plain errors and `--log-level`."""

from __future__ import annotations

import logging
from typing import Any

import click
from singer_sdk.plugin_base import SingerCommand

from target_telemetry_postgres.errors import debugging, sentence

_LEVELS = ("debug", "info", "warning", "error", "critical")


class PlainCommand(SingerCommand):
    """Ends with one plain sentence where the SDK would print a traceback."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        """Read the options; a configuration file that cannot be read is one line, too."""
        try:
            return super().make_context(info_name, args, parent, **extra)
        except (OSError, ValueError) as error:
            if debugging():
                raise
            raise click.ClickException(f"The configuration cannot be read: {error}") from error

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error is one line and exit code 1."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:
            if debugging() or self.logger.isEnabledFor(logging.DEBUG):
                raise
            self.logger.error("%s", sentence(error))  # noqa: TRY400 - a traceback helps nobody here
            ctx.exit(1)


def _set_log_level(_: click.Context, __: click.Parameter, value: str | None) -> None:
    if value:
        logging.getLogger().setLevel(value.upper())
