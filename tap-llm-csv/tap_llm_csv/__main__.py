"""The command `tap-llm-csv`, which is also `python -m tap_llm_csv`."""

from tap_llm_csv._shared import program


def main() -> None:
    """Run the tap."""
    program.run("tap_llm_csv.tap", "TapLLMCsv")


if __name__ == "__main__":
    main()
