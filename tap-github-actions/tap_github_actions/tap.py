"""The tap: its settings, its streams, its command line."""

from __future__ import annotations

import json
import os
import sys
from typing import IO, TYPE_CHECKING, Any, ClassVar

from singer_sdk import Tap, metrics
from singer_sdk.helpers.capabilities import PluginCapabilities, TapCapabilities
from typing_extensions import override

from tap_github_actions import settings
from tap_github_actions._shared import lineage
from tap_github_actions._shared.command import PlainCommand
from tap_github_actions._shared.program import SIGNAL_EXIT
from tap_github_actions.api.client import Client
from tap_github_actions.api.clock import Clock, SystemClock
from tap_github_actions.command import read_state
from tap_github_actions.emit import Emitter, LineWriter, Outlet
from tap_github_actions.errors import ConfigError, StateError, StoppedError
from tap_github_actions.runs.attempts import Wanted
from tap_github_actions.streams import STREAMS
from tap_github_actions.sync.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    import click
    from singer_sdk.helpers.capabilities import CapabilitiesEnum

    from tap_github_actions.streams import GitHubStream

ALWAYS_THERE = frozenset(
    {"workflow_runs", "workflow_jobs", "workflow_steps", "workflows", "repositories"}
)
"""The streams that give something for every repository with a run."""


class TapGitHubActions(Tap):
    """Every GitHub Actions run, attempt, job and step, incrementally and without gaps."""

    name = "tap-github-actions"
    config_jsonschema: ClassVar[dict[str, Any]] = settings.SCHEMA
    message_writer_class = LineWriter
    capabilities: ClassVar[list[CapabilitiesEnum]] = [
        TapCapabilities.CATALOG,
        TapCapabilities.STATE,
        TapCapabilities.DISCOVER,
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]
    clock: Clock
    _client: Client | None = None
    _has_read = False
    _signal: int | None = None

    def __init__(self, **options: Any) -> None:
        if options.get("parse_env_config"):
            _forget_empty_variables(self._env_var_prefix)
        self.clock = SystemClock()
        super().__init__(**options)

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Bring the settings into shape before they are checked."""
        try:
            self._config = settings.normalised(self._config, os.environ)
            errors: list[str] = super()._validate_config(raise_errors=raise_errors)
            settings.check(self._config)
        except ConfigError:
            if raise_errors:
                raise
            return []
        return errors

    @override
    def load_state(self, state: dict[str, Any]) -> None:
        """Take over the state of an earlier run.

        Raises:
            StateError: It is something else.
        """
        bookmarks = state.get("bookmarks", {}) if isinstance(state, dict) else None
        if not (
            isinstance(bookmarks, dict)
            and all(isinstance(each, dict) for each in bookmarks.values())
        ):
            raise StateError("The state is not one that a Singer tap wrote.")
        super().load_state(state)
        lineage.carry(state, self.state)

    @override
    def discover_streams(self) -> Sequence[GitHubStream]:
        """Return the streams; nothing about them depends on GitHub."""
        return [stream(self, self.read_everything) for stream in STREAMS]

    def read_everything(self) -> None:
        """Read all repositories once, for all selected streams together.

        Raises:
            TapError: Something could not be read.
        """
        if self._has_read:
            return
        self._has_read = True
        if not (self.config.get("repositories") or self.config.get("organizations")):
            raise ConfigError(
                "No repository is configured: set `repositories` (owner/name) or `organizations`, "
                "or the environment variable GITHUB_REPOSITORY."
            )
        self._client = Client.from_config(self.config, os.environ, self.clock)
        if self._client.is_anonymous:
            self.logger.warning(
                "No token is set (auth_token, GITHUB_TOKEN or GITHUB_PERSONAL_TOKEN): only public "
                "repositories can be read, at 60 requests an hour."
            )
        selected = {
            name: stream for name, stream in self._github_streams.items() if stream.selected
        }
        if not self._is_dry_run:
            lineage.begin(self.state, self.state_writer.write_state)
        for stream in selected.values():
            stream._write_schema_message()  # noqa: SLF001 - all schemas precede all records
        self._run_engine(selected, self._client)
        if self._signal is not None:
            sys.exit(SIGNAL_EXIT + self._signal)

    def _run_engine(self, selected: dict[str, GitHubStream], client: Client) -> None:
        limit = next(iter(selected.values())).ABORT_AT_RECORD_COUNT if selected else None
        wanted = self._wanted(selected)
        outlets = {
            name: Outlet(stream, stream.get_record_counter(), limit)
            for name, stream in selected.items()
        }
        if limit is not None:
            # A dry run must not wait for records that may never come.
            outlets = {name: each for name, each in outlets.items() if name in ALWAYS_THERE}
        engine = Engine(
            client=client,
            clock=self.clock,
            settings=self.config,
            wanted=wanted,
            state=self.state,
            emitter=Emitter(outlets, self._write_state),
            limit=limit,
        )
        timer = metrics.Timer(metrics.Metric.SYNC_DURATION, {metrics.Tag.STREAM: self.name})
        try:
            with timer:
                engine.run()
        finally:
            for outlet in outlets.values():
                if outlet.written:
                    outlet.counter.exit()
            tags: dict[str, Any] = {
                metrics.Tag.ENDPOINT: client.base_url,
                metrics.Tag.PID: os.getpid(),
            }
            metrics.log(
                self.metrics_logger,
                metrics.Point(
                    "counter", metrics.Metric.HTTP_REQUEST_COUNT, client.requests_made, tags
                ),
            )

    def _wanted(self, selected: dict[str, GitHubStream]) -> Wanted:
        runs = selected.get("workflow_runs")
        return Wanted(
            runs="workflow_runs" in selected,
            jobs="workflow_jobs" in selected,
            steps="workflow_steps" in selected,
            workflows="workflows" in selected,
            coverage="coverage_snapshots" in selected
            and bool(self.config.get("coverage_artifacts")),
            repositories="repositories" in selected,
            changes=tuple(name for name in ("pull_requests", "deployments") if name in selected),
            annotations="job_annotations" in selected,
            billing="billing_usage" in selected,
            pull_requests=runs is not None
            and bool(runs.mask["properties", "pull_request_numbers"]),
        )

    @property
    def _is_dry_run(self) -> bool:
        return any(each.ABORT_AT_RECORD_COUNT is not None for each in self.streams.values())

    @property
    def _github_streams(self) -> dict[str, GitHubStream]:
        streams: dict[str, GitHubStream] = self.streams  # type: ignore[assignment]  # all are ours
        return streams

    def _write_state(self) -> None:
        LineWriter.flush()
        # An empty state would make the orchestrator forget the one it has.
        if self.state.get("bookmarks") or self._is_dry_run:
            self.state_writer.write_state(self.state)

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Stop at the next safe point: the state goes out once its records are out."""
        if self._client is None:
            sys.exit(SIGNAL_EXIT + signum)
        if self._signal is not None:
            return
        self._signal = signum
        self._client.gate.stop(StoppedError(f"Stopped by signal {signum}; the state is saved."))
        if isinstance(self.clock, SystemClock):
            self.clock.wake()

    @classmethod
    @override
    def invoke(
        cls,
        *,
        about: bool = False,
        about_format: str | None = None,
        config: Any = None,
        state: IO[str] | None = None,
        catalog: IO[str] | None = None,
        **_: Any,
    ) -> None:
        """Run the command line: as the SDK does, but for one pass over all streams."""
        super(Tap, cls).invoke(about=about, about_format=about_format)
        tap = cls(
            config=config.config if config else {},
            state=None if state is None else read_state(state),
            catalog=None if catalog is None else json.load(catalog),
            parse_env_config=bool(config and config.parse_env),
        )
        tap.read_everything()

    @classmethod
    @override
    def get_singer_command(cls) -> click.Command:
        """Return the SDK's command line, with failures in plain words."""
        return PlainCommand.around(super().get_singer_command(), cls.logger)


def _forget_empty_variables(prefix: str) -> None:
    """Meltano sets an empty variable for a setting without a value; the SDK cannot parse those."""
    for name in [name for name in os.environ if name.startswith(prefix)]:
        if not os.environ[name].strip():
            del os.environ[name]
