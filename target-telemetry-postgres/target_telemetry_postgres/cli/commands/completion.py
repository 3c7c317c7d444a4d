"""`telemetry completion`: the script that completes the command in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(
    name="completion",
    epilog="""\b
Add to the shell's start file, for bash: eval "$(telemetry completion bash)"

\b
Example:
  telemetry completion zsh""",
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script of a shell."""
    root = ctx.find_root()
    completer = get_completion_class(shell)
    if completer is None:
        raise click.ClickException(f"Completion for {shell} is not available.")
    click.echo(completer(root.command, {}, "telemetry", "_TELEMETRY_COMPLETE").source())
