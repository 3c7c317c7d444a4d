"""The root of the `telemetry` command: its subcommands, its common options, how it ends."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from typing import TYPE_CHECKING, cast

import click
from click.shell_completion import CompletionItem

from target_telemetry_postgres._shared.errors import is_debugging, sentence
from target_telemetry_postgres.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "telemetry"

# Name → one line of help. The modules stay unread until one of them is called: `telemetry --help`
# and a press of the tab key should not wait for a database driver.
SUBCOMMANDS = {
    "stats": "Rows, first and last times, success rate and cost of each table.",
    "status": "When each stream last loaded, how far behind it is, what failed.",
    "report": "Answers from the data: slow jobs, flaky jobs, cost per day, error rates.",
    "dashboard": "Write a page with the charts and tables: one HTML file, or a server of it.",
    "check": "Check budgets and anomalies; exit code 2 when a rule is broken.",
    "trace": "Everything that ran for a pull request, branch or commit, in order.",
    "replay": "Check estimates of output tokens against what came, and try other estimators.",
    "export": "Stream a table, or all of them, out as CSV or NDJSON.",
    "import": "Bring exported tables into this database.",
    "reprice": "Recompute estimated LLM costs with the prices known now.",
    "prune": "Delete rows that are past their retention.",
    "migrate": "Bring the database to this version's tables.",
    "grant": "Make the roles that write and that read, with the least they need.",
    "doctor": "Check everything a run needs, and say what to do about each finding.",
    "url": "Print how to connect to the database.",
    "psql": "Open psql on the database.",
    "completion": "Print the completion script of a shell.",
}
MODULES = {"import": "import_"}


class LazyGroup(click.Group):
    """A group that imports a subcommand's module when that subcommand is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the subcommands in the order in which people meet them."""
        del ctx
        return list(SUBCOMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one subcommand."""
        del ctx
        if cmd_name not in SUBCOMMANDS:
            return None
        module = importlib.import_module(
            f"{__package__}.commands.{MODULES.get(cmd_name, cmd_name)}"
        )
        return cast("click.Command", module.command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(SUBCOMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a subcommand's name without importing any."""
        items = [
            CompletionItem(name, help=text)
            for name, text in SUBCOMMANDS.items()
            if name.startswith(incomplete)
        ]
        return items + click.Command.shell_complete(self, ctx, incomplete)


def _print_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from importlib.metadata import version

    click.echo(f"{PROGRAM} {version('target-telemetry-postgres')}")
    ctx.exit()


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""\b
Which database: --url or --config, else TARGET_TELEMETRY_POSTGRES_* (through Meltano: the target's
settings), else DATABASE_URL, else libpq's own PG* variables, else the embedded one. The target
looks in the same order. A line on standard error says which it is; --log-level error does not.

\b
Example:
  telemetry stats""",
)
@click.option("--url", metavar="URL", help="Postgres URL; the embedded database without any.")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False),
    help="The target's JSON configuration file.",
)
@click.option("--schema", metavar="NAME", help="Schema of the tables.  [default: telemetry]")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default="warning",
    help="How much to say on standard error; debug adds tracebacks.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def cli(
    ctx: click.Context,
    url: str | None,
    config_file: str | None,
    schema: str | None,
    log_level: str,
) -> None:
    """Look after the telemetry in Postgres: look at it, move it, prune it, check it."""
    if log_level.lower() != "warning":
        import logging

        logging.basicConfig(level=log_level.upper(), stream=sys.stderr)
    ctx.obj = Session(
        url=url,
        config_file=config_file,
        schema=schema,
        debug=log_level.lower() == "debug",
        names_database=log_level.lower() != "error",
    )


def _say(sentence: str) -> None:
    click.echo(f"{PROGRAM}: {sentence}", err=True)


def _wants_traceback(args: Sequence[str]) -> bool:
    text = " ".join(args).lower()
    return is_debugging() or "--log-level debug" in text or "--log-level=debug" in text


def run(args: Sequence[str]) -> int:
    """Run the command line and return its exit code: 0 done, 1 failed with a sentence."""
    try:
        code = cli.main(args=list(args), prog_name=PROGRAM, standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        _say("Interrupted.")
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted; Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:  # noqa: BLE001 - the last word is a sentence, whatever happened
        if _wants_traceback(args):
            traceback.print_exc()
        _say(_plain(error))
        return 1
    return code if isinstance(code, int) else 0


def _plain(error: Exception) -> str:
    if isinstance(error, click.UsageError):
        path = error.ctx.command_path if error.ctx else PROGRAM
        return f"{error.format_message()} `{path} --help` shows what is possible."
    if isinstance(error, click.ClickException):
        return error.format_message()
    return sentence(error)


def main() -> None:
    """Entry point of the `telemetry` command."""
    sys.exit(run(sys.argv[1:]))
