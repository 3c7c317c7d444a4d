"""Run the tap with `python -m tap_github_actions`."""

from tap_github_actions.tap import TapGitHubActions

TapGitHubActions.cli()
