"""The command `tap-llm-csv`, which is also `python -m tap_llm_csv`."""

import gc

# Nothing that is imported is ever garbage. To look for some, and once more at the end, takes 0.1 s.
gc.disable()

from tap_llm_csv.tap import TapLLMCsv  # noqa: E402 - after the line above

gc.freeze()
gc.enable()


def main() -> None:
    """Run the tap."""
    TapLLMCsv.cli()


if __name__ == "__main__":
    main()
