"""The tap: its command line, its settings, and one pass over the files."""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk import Tap
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import _ConfigInput
from typing_extensions import override

from tap_llm_csv import settings
from tap_llm_csv._shared import lineage
from tap_llm_csv._shared.command import PlainCommand
from tap_llm_csv._shared.errors import PlainError
from tap_llm_csv._shared.program import SIGNAL_EXIT
from tap_llm_csv.command import describe_files
from tap_llm_csv.environment import refuse_unknown, tidy, tidy_variables
from tap_llm_csv.errors import FilesFailedError, InterruptedSyncError, SettingsError
from tap_llm_csv.files.state import readable
from tap_llm_csv.output.emit import BufferedWriter
from tap_llm_csv.output.streams import FileStream, StreamOutput
from tap_llm_csv.pricing.pricer import unpriced_hint
from tap_llm_csv.records.redact import guessable
from tap_llm_csv.records.schemas import LEDGER, SCHEMAS
from tap_llm_csv.sync import Sync

if TYPE_CHECKING:
    from types import FrameType

    from singer_sdk.helpers.capabilities import CapabilitiesEnum


class TapLLMCsv(Tap):
    """Singer tap for LLM-call telemetry in CSV and NDJSON files that grow, rotate and break."""

    name = "tap-llm-csv"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.CONFIG_JSONSCHEMA
    message_writer_class = BufferedWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Prepare the tap; no file is opened before records are asked for."""
        self._pass: Sync | None = None
        self._error: PlainError | None = None
        self._signal = signal.SIGTERM
        self._is_read = False
        self.written: Counter[str] = Counter()
        if kwargs.get("parse_env_config"):
            tidy_variables(self.config_jsonschema, self._env_var_prefix, os.environ)
        super().__init__(*args, **kwargs)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        self._config = tidy(self.config_jsonschema, self._config)
        refuse_unknown(self.config_jsonschema, self._config)
        return super()._validate_config(raise_errors=raise_errors)

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the state of an earlier run."""
        super().load_state(state)
        lineage.carry(state, self.state)

    def begin(self) -> None:
        """Send the state that the run begins from, before anything else."""
        lineage.begin(self.state, self.state_writer.write_state)

    @override
    def discover_streams(self) -> list[FileStream]:
        """Return all streams; what they look like does not depend on the files."""
        return [
            FileStream(self, name, self.read_files, self.written) for name in (*SCHEMAS, *LEDGER)
        ]

    def read_files(self, limit: int | None = None) -> None:
        """Read all files, once; with a limit (`--test`) only the first records of each stream."""
        if self._is_read:
            return
        self._is_read = True
        streams = {
            name: stream for name, stream in self.streams.items() if isinstance(stream, FileStream)
        }
        self._pass = Sync(
            settings.load(self.config),
            self.state.setdefault("bookmarks", {}),
            StreamOutput(streams, self.written, limit),
            lambda: self.state_writer.write_state(self.state),
            is_test=limit is not None,
        )
        if exposed := guessable(self.config.get("redact") or {}, self.config.get("redact_key")):
            self.logger.warning(
                "%s hashed without redact_key: whoever knows the likely values can guess them",
                ", ".join(exposed),
            )
        try:
            self._pass.run()
        except PlainError as error:
            if limit is not None:
                raise
            # The SDK would log it as unhandled; `conclude` tells it as the last line.
            self._error = error
        finally:
            self.flush()

    def flush(self) -> None:
        """Send what is still in the writer's buffer."""
        if isinstance(self.message_writer, BufferedWriter):
            self.message_writer.flush()

    def conclude(self) -> None:
        """Log the summary, as the last line.

        Raises:
            PlainError: The pass failed, or a file could not be read to its end.
        """
        if isinstance(self._error, InterruptedSyncError):
            self.logger.warning("%s", self._error)
            sys.exit(SIGNAL_EXIT + self._signal)
        if self._error is not None:
            raise self._error
        if self._pass is None:
            return
        unpriced = self._pass.pricer.unpriced_models()
        if unpriced:
            self.logger.warning("%s", unpriced_hint(unpriced))
        summary = self._pass.summary
        if summary.failures:
            raise FilesFailedError(f"{summary.text()}: {'; '.join(summary.failures)}")
        self.logger.info("%s", summary.text())

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the rows in hand."""
        if self._pass is None:
            sys.exit(SIGNAL_EXIT + signum)
        self._signal = signal.Signals(signum)
        self._pass.is_interrupted = True

    @classmethod
    @override
    def invoke(  # type: ignore[override]  # as the SDK's own taps do
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run the tap from the command line."""
        if about:
            cls.print_about(about_format)
            return
        config = config or _ConfigInput()
        tap = cls(
            config=config.config,
            state=None if state is None else readable(_json_of(state, "state", "{}")),
            catalog=None if catalog is None else _json_of(catalog, "catalog"),
            parse_env_config=config.parse_env,
        )
        # Before any stream is begun: what is wrong with a setting is no stream's failure.
        settings.load(tap.config)
        # What is loaded by now stays; looking through it again and again costs a tenth of the time.
        gc.freeze()
        tap.begin()
        tap.sync_all()
        tap.flush()
        tap.conclude()

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command, in plain words and with `--files`."""
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--files"],
                is_flag=True,
                help="List the files that would be read and what each is taken for.",
                callback=cls.cb_files,
                expose_value=False,
            )
        )
        return PlainCommand.around(command, cls.logger)

    @classmethod
    def cb_files(cls, ctx: click.Context, _param: click.Option, value: bool) -> None:
        """Print a line of JSON for each file and leave."""
        if not value:
            return
        config: _ConfigInput = ctx.params.get("config", _ConfigInput())
        tap = cls(config=config.config, parse_env_config=config.parse_env, setup_mapper=False)
        for line in describe_files(tap.config):
            click.echo(line)
        ctx.exit()


def _json_of(file: IO[str], option: str, empty: str = "") -> Any:
    """Read a file that the command line names.

    Raises:
        SettingsError: It is no JSON.
    """
    try:
        return json.loads(file.read() or empty)
    except ValueError as error:
        raise SettingsError(f"the --{option} file {file.name} is not JSON: {error}") from error
