"""The SDK's command line, with failures in one sentence and `--log-level`."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from . import errors

if TYPE_CHECKING:
    from collections.abc import Callable

_LEVELS = ("debug", "info", "warning", "error", "critical")


class PlainCommand(SingerCommand):
    """Says in one sentence what a person has to know, and exits with 1."""

    _sentence: Callable[[BaseException], str]

    @classmethod
    def around(
        cls,
        command: click.Command,
        logger: logging.Logger,
        sentence: Callable[[BaseException], str] = errors.sentence,
    ) -> PlainCommand:
        """Take over what the SDK's command has.

        Args:
            command: The SDK's.
            logger: Where the sentence goes.
            sentence: Words an error.
        """
        level = click.Option(
            ["--log-level"],
            type=click.Choice(_LEVELS, case_sensitive=False),
            help="How much to log; debug shows tracebacks.",
            expose_value=False,
            is_eager=True,
            callback=_set_log_level,
        )
        plain = cls(
            name=command.name,
            callback=command.callback,
            params=[*command.params, level],
            context_settings=command.context_settings,
            help=command.help,
            logger=logger,
        )
        plain._sentence = sentence
        return plain

    @override
    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command; what fails in it, or while its options are read, is one line."""
        try:
            return super().main(*args, **options)
        except Exception as error:
            if errors.is_debugging() or self.logger.isEnabledFor(logging.DEBUG):
                raise
            self.logger.error("%s", self._sentence(error))  # noqa: TRY400 - see above
            sys.exit(1)


def _set_log_level(_context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value:
        logging.getLogger().setLevel(value.upper())
