"""The command `tap-github-actions`, which is also `python -m tap_github_actions`."""

import gc

# Nothing that is imported is ever garbage. To look for some, and once more at the end, takes 0.1 s.
gc.disable()

from tap_github_actions.tap import TapGitHubActions  # noqa: E402 - after the line above

gc.freeze()
gc.enable()


def main() -> None:
    """Run the tap."""
    TapGitHubActions.cli()


if __name__ == "__main__":
    main()
