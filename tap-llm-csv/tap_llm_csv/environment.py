"""Settings as they come: from environment variables, and from Meltano with empty values."""

from __future__ import annotations

import json
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from tap_llm_csv.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping


def tidy_variables(
    schema: Mapping[str, Any], prefix: str, environment: MutableMapping[str, str]
) -> None:
    """Drop the tap's empty variables: they are unset ones, and no numbers.

    Raises:
        SettingsError: A variable is not of its setting's type.
    """
    for name, setting in schema["properties"].items():
        variable = prefix + name.upper()
        value = environment.get(variable)
        if value is None:
            continue
        if not value.strip():
            del environment[variable]
            continue
        kinds = {"integer", "array", "object"}.intersection(setting["type"])
        for kind in kinds:
            if not _is(kind, value):
                raise SettingsError(
                    f"the environment variable {variable} is not {_WANTED[kind]}; correct or "
                    "unset it"
                )


_WANTED = {
    "integer": "a whole number",
    "array": 'a JSON list, such as [{"path": "usage.csv"}]',
    "object": 'a JSON object, such as {"notes": "drop"}',
}


def _is(kind: str, value: str) -> bool:
    try:
        if kind == "integer":
            int(value)
            return True
        return isinstance(json.loads(value), list if kind == "array" else dict)
    except ValueError:
        return False


def refuse_unknown(schema: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Refuse a setting that does not exist: it was misspelt, and something else would happen.

    Raises:
        SettingsError: With the name that was probably meant.
    """
    known = schema["properties"]
    named = [("", name, known) for name in config]
    files = config.get("files")
    for entry in files if isinstance(files, list) else ():
        inner = known["files"]["items"]["properties"]
        named += [(" of 'files'", name, inner) for name in entry if isinstance(entry, dict)]
    for where, name, names in named:
        if name not in names:
            near = get_close_matches(name, names, 1)
            meant = f"; '{near[0]}' is probably meant" if near else ""
            raise SettingsError(f"there is no setting '{name}'{where}{meant}")


def tidy(schema: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Drop empty values, and read numbers that came as text."""
    tidied = {name: value for name, value in config.items() if value != ""}
    for name, value in tidied.items():
        kinds = schema["properties"].get(name, {}).get("type", ())
        if isinstance(value, str) and "number" in kinds:
            try:
                tidied[name] = float(value)
            except ValueError:
                continue  # The validation says what is wrong with it.
        if name == "files" and isinstance(value, list):
            tidied[name] = [
                {key: item for key, item in entry.items() if item != ""}
                if isinstance(entry, dict)
                else entry
                for entry in value
            ]
    return tidied
