"""The settings: their schema, and what the environment and empty strings mean for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from singer_sdk import typing as th

from tap_github_actions.errors import ConfigError
from tap_github_actions.times import parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVIRONMENT = {"repositories": "GITHUB_REPOSITORY", "api_url_base": "GITHUB_API_URL"}
"""Settings that GitHub Actions sets by itself."""
LISTS = (
    "repositories",
    "organizations",
    "exclude_repositories",
    "additional_auth_tokens",
    "coverage_artifacts",
)
INTEGERS = (
    "rerun_lookback_days",
    "max_concurrency",
    "max_requests_per_minute",
    "max_wait_seconds",
    "rate_limit_reserve",
)
BOOLEANS = ("include_archived", "include_forks")
ON_REPOSITORY_ERROR = ("continue", "fail")
MAX_RERUN_LOOKBACK_DAYS = 400
MAX_CONCURRENCY = 100
BACKFILL_DAYS = 30

_STRINGS = th.ArrayType(th.StringType)

SCHEMA = th.PropertiesList(
    th.Property(
        "auth_token",
        th.StringType,
        secret=True,
        title="Token",
        description=(
            "A GitHub token that may read Actions: fine-grained with `Actions: read`, or classic "
            "with `repo` for private repositories. Without it the environment variables "
            "`GITHUB_TOKEN`, then `GITHUB_PERSONAL_TOKEN` are used; without any, only public "
            "repositories can be read, at 60 requests an hour."
        ),
    ),
    th.Property(
        "additional_auth_tokens",
        _STRINGS,
        secret=True,
        title="More tokens",
        description="More tokens to spread the load over; each request takes the one that has most "
        "requests left.",
    ),
    th.Property(
        "auth_app",
        th.ObjectType(
            th.Property("app_id", th.StringType, description="The App's id or client id."),
            th.Property(
                "private_key",
                th.StringType,
                secret=True,
                description="The App's private key, the whole PEM file.",
            ),
            th.Property(
                "installation_id",
                th.StringType,
                description="The installation; not needed when the App has only one.",
            ),
        ),
        secret=True,
        title="GitHub App",
        description="Sign in as a GitHub App: `{app_id, private_key, installation_id}`. Its tokens "
        "are renewed before they expire.",
    ),
    th.Property(
        "repositories",
        _STRINGS,
        title="Repositories",
        description="`owner/name`; `*` matches any part of the name (`owner/*`, `owner/api-*`). "
        "A list, or one string with commas. Default: `GITHUB_REPOSITORY` of the environment, "
        "which GitHub Actions sets.",
    ),
    th.Property(
        "organizations",
        _STRINGS,
        title="Organizations",
        description="Organizations of which every repository that the token can see is read.",
    ),
    th.Property(
        "exclude_repositories",
        _STRINGS,
        title="Excluded repositories",
        description="`owner/name`, `*` allowed: not read, however else they are named.",
    ),
    th.Property(
        "include_archived",
        th.BooleanType,
        default=True,
        title="Archived repositories",
        description="Whether `organizations` and `owner/*` stand for archived repositories too.",
    ),
    th.Property(
        "include_forks",
        th.BooleanType,
        default=True,
        title="Forks",
        description="Whether `organizations` and `owner/*` stand for forks too.",
    ),
    th.Property(
        "on_repository_error",
        th.StringType,
        allowed_values=list(ON_REPOSITORY_ERROR),
        default="continue",
        title="Repositories that are refused",
        description="What a repository that `organizations` or `owner/*` stand for, and that "
        "GitHub refuses to show (403, 404, 451), does to the run: `continue` names it in the "
        "log and in `github_gaps`, `fail` also ends with exit code 1. One that is named in "
        "`repositories` always does. The others are read in any case.",
    ),
    th.Property(
        "start_date",
        th.DateTimeType,
        title="Start date",
        description="Runs created from here on are read. Default: 30 days ago at the first sync. "
        "When it is moved back later, only the gap is read.",
    ),
    th.Property(
        "rerun_lookback_days",
        th.IntegerType,
        default=32,
        title="Re-run lookback",
        description="How far back re-runs are looked for, once a day. GitHub allows re-runs for "
        "30 days.",
    ),
    th.Property(
        "coverage_artifacts",
        _STRINGS,
        title="Coverage artifacts",
        description="Names of artifacts (`*` allowed) in which coverage reports are looked for: "
        "Cobertura XML, lcov, istanbul `coverage-summary.json`, coverage.py JSON. "
        "Without it `coverage_snapshots` stays empty and costs nothing.",
    ),
    th.Property(
        "api_url_base",
        th.StringType,
        title="API address",
        description="Address of the REST API, for GitHub Enterprise Server "
        "`https://HOST/api/v3`. Default: `GITHUB_API_URL` of the environment, else "
        "`https://api.github.com`.",
    ),
    th.Property(
        "api_version",
        th.StringType,
        default="2022-11-28",
        title="API version",
        description="Version of the REST API to ask for.",
    ),
    th.Property(
        "max_concurrency",
        th.IntegerType,
        default=4,
        title="Parallel requests",
        description="The most requests under way at any time.",
    ),
    th.Property(
        "max_requests_per_minute",
        th.IntegerType,
        default=850,
        title="Requests a minute",
        description="The most requests within any sixty seconds. GitHub allows 900, and refuses "
        "everything for a minute after that.",
    ),
    th.Property(
        "max_wait_seconds",
        th.IntegerType,
        default=900,
        title="Longest wait",
        description="The longest wait for a rate limit. If it would take longer, the tap stops "
        "with a warning and exit code 0, and the next run goes on from there.",
    ),
    th.Property(
        "rate_limit_reserve",
        th.IntegerType,
        default=50,
        title="Reserve",
        description="Requests of each token's hourly quota that are left for others.",
    ),
    th.Property(
        "user_agent",
        th.StringType,
        title="User agent",
        description="What the tap calls itself towards GitHub.",
    ),
).to_dict()


def normalised(config: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings with unset ones left out, lists as lists and the environment's part.

    Meltano hands over an empty string for a setting whose environment variable is not set, and
    everything from the environment as text.

    Raises:
        ConfigError: A setting cannot be understood.
    """
    settings = {key: value for key, value in config.items() if not is_unset(value)}
    for name, variable in ENVIRONMENT.items():
        value = environment.get(variable, "").strip()
        if value and name not in settings and not (name == "repositories" and _has_any(settings)):
            settings[name] = value
    for name in LISTS:
        settings[name] = as_list(name, settings.get(name, []))
    for name in INTEGERS:
        if isinstance(settings.get(name), str):
            settings[name] = as_integer(name, settings[name])
    for name in BOOLEANS:
        if isinstance(settings.get(name), str):
            settings[name] = as_boolean(name, settings[name])
    if not isinstance(settings.get("auth_token", ""), str):
        # The check against the schema would quote it.
        raise ConfigError("auth_token must be a text.")
    settings["auth_app"] = as_app(settings.get("auth_app", {}))
    return {key: value for key, value in settings.items() if value not in ([], {})}


def as_app(value: object) -> dict[str, str]:
    """Return the GitHub App's settings, which may have been given as JSON."""
    if isinstance(value, str):
        value = as_object("auth_app", value)
    if not isinstance(value, dict):
        raise ConfigError("auth_app must be an object.")
    return {key: str(each) for key, each in value.items() if not is_unset(each)}


def _has_any(settings: Mapping[str, Any]) -> bool:
    return bool(settings.get("organizations"))


def check(settings: Mapping[str, Any]) -> None:
    """Refuse settings that make no sense.

    Raises:
        ConfigError: Names the setting, and what it may be.
    """
    ranges = {
        "max_concurrency": (1, MAX_CONCURRENCY),
        "max_requests_per_minute": (1, None),
        "max_wait_seconds": (0, None),
        "rate_limit_reserve": (0, None),
        "rerun_lookback_days": (0, MAX_RERUN_LOOKBACK_DAYS),
    }
    for name, (low, high) in ranges.items():
        value = settings.get(name, low)
        if value < low or (high is not None and value > high):
            limits = f"at least {low}" if high is None else f"between {low} and {high}"
            raise ConfigError(f"{name} is {value}; it must be {limits}.")
    if "start_date" in settings and parse_time(settings["start_date"]) is None:
        raise ConfigError(
            f"start_date is '{settings['start_date']}'; it must be a date such as 2026-01-31 or "
            "2026-01-31T00:00:00Z."
        )
    on_error = settings.get("on_repository_error", ON_REPOSITORY_ERROR[0])
    if on_error not in ON_REPOSITORY_ERROR:
        raise ConfigError(f"on_repository_error is '{on_error}'; it must be continue or fail.")
    for name in settings.get("repositories", ()):
        owner, slash, repository = name.partition("/")
        if not (owner and slash and repository) or "/" in repository or "*" in owner:
            raise ConfigError(
                f"'{name}' in repositories is not of the form owner/name (or owner/*)."
            )
    base = settings.get("api_url_base", "https://")
    if not str(base).startswith(("https://", "http://")):
        raise ConfigError(f"api_url_base is '{base}'; it must begin with https://.")


def is_unset(value: object) -> bool:
    """Whether a setting was not really given."""
    return value is None or (isinstance(value, str) and not value.strip())


def as_list(name: str, value: object) -> list[str]:
    """Return a list that may have been given as JSON or as one string with commas."""
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("["):
            try:
                value = json.loads(text)
            except ValueError as error:
                raise ConfigError(f"{name} looks like a JSON list and is none.") from error
        else:
            value = text.split(",")
    if not isinstance(value, (list, tuple)):
        raise ConfigError(f"{name} must be a list.")
    items = [str(item).strip() for item in value if item is not None]
    # A shell or a .env file may hand over one string where a list was meant.
    return [part for item in items for part in item.split(",") if part] if items else []


def as_integer(name: str, value: str) -> int:
    """Return a whole number that was given as text."""
    try:
        return int(value)
    except ValueError:
        raise ConfigError(f"{name} is '{value}'; it must be a whole number.") from None


def as_boolean(name: str, value: str) -> bool:
    """Return a yes or no that was given as text."""
    found = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if value.strip().lower() not in found:
        raise ConfigError(f"{name} is '{value}'; it must be true or false.")
    return found[value.strip().lower()]


def as_object(name: str, value: str) -> dict[str, Any]:
    """Return an object that was given as JSON."""
    try:
        found = json.loads(value)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ConfigError(f"{name} must be a JSON object.")
    return found
