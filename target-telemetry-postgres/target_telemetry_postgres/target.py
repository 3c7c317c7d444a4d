"""The Singer target: settings and command line from the SDK, the run from this package."""

from __future__ import annotations

import sys
from copy import deepcopy
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Target
from singer_sdk.exceptions import ConfigValidationError
from singer_sdk.helpers.capabilities import (
    CapabilitiesEnum,
    PluginCapabilities,
    TargetCapabilities,
)
from singer_sdk.singerlib.encoding import GenericSingerReader

from target_telemetry_postgres._shared import lines
from target_telemetry_postgres._shared.command import PlainCommand
from target_telemetry_postgres._shared.program import SIGNAL_EXIT
from target_telemetry_postgres.errors import sentence
from target_telemetry_postgres.intake.lines import decode
from target_telemetry_postgres.run import Run
from target_telemetry_postgres.settings import SETTINGS, layered, with_numbers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Mapping
    from types import FrameType

    import click


class LineReader(GenericSingerReader[bytes]):
    """Hands the whole input to the run, which reads bytes and looks at each line once."""

    default_input = sys.stdin.buffer

    def __init__(self, run: Callable[[IO[Any] | None], Counter[str]]) -> None:
        super().__init__()
        self._run = run

    def process_lines(
        self, file_input: IO[Any] | None, callbacks: Mapping[str, Callable[[dict[str, Any]], None]]
    ) -> Counter[str]:
        """Take every message; the SDK's callbacks, one a decoded message, are too slow."""
        del callbacks
        return self._run(file_input)

    def deserialize_json(self, line: bytes) -> dict[str, Any]:
        """One message, decoded with exact numbers."""
        message: dict[str, Any] = decode(line)
        return message


class TargetTelemetryPostgres(Target):
    """Loads any Singer tap into Postgres: keyed upserts, retention, migrations, a run ledger."""

    name = "target-telemetry-postgres"
    package_name = "target-telemetry-postgres"
    # A copy: the SDK writes its own settings into it.
    config_jsonschema: ClassVar[dict[str, Any]] = deepcopy(SETTINGS)
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
        PluginCapabilities.ACTIVATE_VERSION,
        TargetCapabilities.VALIDATE_RECORDS,
        TargetCapabilities.SOFT_DELETE,
        TargetCapabilities.HARD_DELETE,
        TargetCapabilities.TARGET_SCHEMA,
    ]

    def __init__(self, **options: Any) -> None:
        self._signal: int | None = None
        self._run: Run | None = None
        options.setdefault("message_reader", LineReader(self._take))
        super().__init__(**options)

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """As the SDK does, without repeating a secret that was given in the wrong type."""
        self._config = with_numbers(layered(self._config))
        try:
            return super()._validate_config(raise_errors=raise_errors)
        except ConfigValidationError as error:
            secrets = [name for name, one in SETTINGS["properties"].items() if one.get("secret")]
            shown = [repr(self._config[name]) for name in secrets if self._config.get(name)]
            for value in shown:
                error.errors = [said.replace(value, "***") for said in error.errors]
            raise

    def _take(self, source: IO[Any] | None) -> Counter[str]:
        self._run = Run(
            self.config,
            self.mapper,
            logger=self.logger,
            sync_started_at=self.initialized_at,
            emit=lines.say,
            stop_signal=lambda: self._signal,
        )
        return self._run.run(source)

    def process_endofpipe(self) -> None:
        """The input has ended: write what waits and close."""
        if self._run is not None:
            self._run.finish()

    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Take note only; the loop acts on it where everything is in order.

        Until there is a run nothing was written, and waiting for a server may take long.
        """
        del frame
        self._signal = signum
        if self._run is None:
            sys.exit(SIGNAL_EXIT + signum)

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """The SDK's command line, with plain errors and `--log-level`."""
        return PlainCommand.around(super().get_singer_command(), cls.logger, sentence)
