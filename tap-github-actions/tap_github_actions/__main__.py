"""The command `tap-github-actions`, which is also `python -m tap_github_actions`."""

from tap_github_actions._shared import program


def main() -> None:
    """Run the tap."""
    program.run("tap_github_actions.tap", "TapGitHubActions")


if __name__ == "__main__":
    main()
