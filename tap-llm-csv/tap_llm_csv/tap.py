"""The tap: its command line, its settings, and one pass over the files."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap
from singer_sdk.helpers._util import load_json
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from singer_sdk.plugin_base import _ConfigInput
from typing_extensions import override

from tap_llm_csv import settings
from tap_llm_csv.emit import BufferedWriter
from tap_llm_csv.errors import InterruptedSyncError, RejectLimitError, TapLLMCsvError
from tap_llm_csv.schemas import SCHEMAS
from tap_llm_csv.streams import LEDGER, FileStream, StreamOutput
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
        self._is_read = False
        self.written: Counter[str] = Counter()
        super().__init__(*args, **kwargs)

    @override
    def discover_streams(self) -> list[FileStream]:
        """Return all streams; what they look like does not depend on the files."""
        return [FileStream(self, name) for name in (*SCHEMAS, *LEDGER)]

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
        try:
            self._pass.run()
        finally:
            self.flush()

    def flush(self) -> None:
        """Send what is still in the writer's buffer."""
        if isinstance(self.message_writer, BufferedWriter):
            self.message_writer.flush()

    def conclude(self) -> None:
        """Log the summary, as the last line.

        Raises:
            RejectLimitError: A file could not be read to its end.
        """
        if self._pass is None:
            return
        summary = self._pass.summary
        self.logger.info("%s", summary.text())
        if summary.failures:
            raise RejectLimitError(
                f"{len(summary.failures)} of the files could not be read to the end: "
                + "; ".join(summary.failures)
            )

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop after the rows in hand; the second signal stops at once."""
        if self._pass is None or self._pass.is_interrupted:
            sys.exit(128 + signum)
        self._pass.is_interrupted = True

    @classmethod
    @override
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: _ConfigInput | None = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
    ) -> None:
        """Run the tap from the command line; what a person can mend ends in one sentence."""
        if about:
            cls.print_about(about_format)
            return
        config = config or _ConfigInput()
        try:
            tap = cls(
                config=config.config,
                state=None if state is None else load_json(state.read()),
                catalog=None if catalog is None else load_json(catalog.read()),
                parse_env_config=config.parse_env,
            )
            tap.sync_all()
            tap.flush()
            tap.conclude()
        except InterruptedSyncError as error:
            cls.logger.warning("%s", error)
            sys.exit(128 + signal.SIGTERM)
        except TapLLMCsvError as error:
            if os.environ.get("TELEMETRY_DEBUG") == "1":
                raise
            cls.logger.error("%s", error)
            sys.exit(1)
