"""Write what `--about` says of the settings where people read it (`make docs`).

That is the table in each package's README, and the `settings:` of each plugin in `meltano.yml`.
With `--check` nothing is written and the exit code says whether something is out of date.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("tap-github-actions", "tap-llm-csv", "target-telemetry-postgres")
BEGIN, END = "<!-- settings: written by `make docs` -->", "<!-- end of settings -->"
# Numbers go as text: Meltano 4.4 cannot hand a `decimal` on, and the plugins read the text.
KINDS = {
    "integer": "integer",
    "boolean": "boolean",
    "array": "array",
    "object": "object",
}


def main() -> int:
    """Write or check every generated part."""
    check = "--check" in sys.argv[1:]
    stale = {path: text for path, text in generated().items() if path.read_text("utf-8") != text}
    for path, text in stale.items():
        if check:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`.")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if check and stale else 0


def generated() -> dict[Path, str]:
    """Each generated file with the text it should have."""
    settings = {package: settings_of(package) for package in PACKAGES}
    files = {
        ROOT / package / "README.md": with_table(ROOT / package / "README.md", settings[package])
        for package in PACKAGES
    }
    files[ROOT / "meltano.yml"] = with_plugin_settings(ROOT / "meltano.yml", settings)
    return files


def settings_of(package: str) -> dict[str, dict[str, Any]]:
    """The settings that a package's `--about` lists."""
    command = [Path(sys.executable).with_name(package), "--about", "--format", "json"]
    described = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    properties: dict[str, dict[str, Any]] = json.loads(described)["settings"]["properties"]
    return properties


def kind_of(schema: dict[str, Any]) -> str:
    """A setting's JSON type, null aside."""
    types = schema.get("type", "string")
    names = [types] if isinstance(types, str) else types
    return next((name for name in names if name != "null"), "string")


def with_table(readme: Path, settings: dict[str, dict[str, Any]]) -> str:
    """The README with a current settings table between its two marks."""
    rows = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, schema in settings.items():
        kind = kind_of(schema) + (", secret" if schema.get("secret") else "")
        default = f"`{json.dumps(schema['default'])}`" if schema.get("default") is not None else ""
        meaning = " ".join(schema.get("description", "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {kind} | {default} | {meaning} |")
    block = "\n".join([BEGIN, *rows, END])
    return re.sub(
        f"{re.escape(BEGIN)}.*{re.escape(END)}",
        lambda _: block,
        readme.read_text("utf-8"),
        flags=re.DOTALL,
    )


def with_plugin_settings(project: Path, settings: dict[str, dict[str, dict[str, Any]]]) -> str:
    """`meltano.yml` with the current settings under each plugin's `settings:`."""
    text = project.read_text("utf-8")
    for package, properties in settings.items():
        lines = [f"    settings: # {len(properties)}, from `{package} --about`, by `make docs`"]
        for name, schema in properties.items():
            lines.append(f"    - name: {name}")
            if kind := KINDS.get(kind_of(schema)):
                lines.append(f"      kind: {kind}")
            if schema.get("secret"):
                lines.append("      sensitive: true")
        text = _with_settings(text, package, "\n".join(lines) + "\n")
    return text


def _with_settings(text: str, package: str, block: str) -> str:
    return re.sub(
        rf"(    executable: {package}\n(?:    (?!settings:).*\n)*)"
        r"(?:    settings:.*\n(?:    (?:- |  ).*\n)*)?",
        lambda match: match[1] + block,
        text,
    )


if __name__ == "__main__":
    sys.exit(main())
