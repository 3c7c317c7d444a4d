"""The commands in the guide that no test can run still name real subcommands and options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from target_telemetry_postgres.cli.app import cli
from target_telemetry_postgres.cli.commands.report import report_names
from target_telemetry_postgres.postgres.roles import READABLE, SENSITIVE

ROOT = Path(__file__).parents[3]
GUIDE = ROOT / "docs" / "guide"
DEPLOY = ROOT / "examples" / "deploy"
MANIFESTS = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
PAGES = sorted(GUIDE.glob("*.md"))
FENCED = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
COMMENT = re.compile(r"(?:^|\s)#\s.*$", re.MULTILINE)
SUBSTITUTION = re.compile(r"\$\((telemetry [^)]*)\)")
IN_A_MANIFEST = re.compile(
    r"telemetry ((?:--log-level=error )?(?:url|status|stats|migrate|prune)\b[\w -]*)"
)
#: A password in a URL, or a variable that holds one, among the words of a command.
ON_A_COMMAND_LINE = re.compile(
    r"://[^\s:/@]+:[^\s@]+@|(?:--url|--dbname|--from-literal|\b(?:psql|pg_dump|pg_restore)\b)[^\n]*"
    r"(?:\$\{?\$?\w*URL|=…)"
)
END = set("();<>|&\n")


def calls_in(block: str) -> list[list[str]]:
    """The words after each `telemetry` in a block of shell."""
    text = COMMENT.sub("", block).replace("\\\n", " ")
    found: list[list[str]] = []
    for part in [text, *SUBSTITUTION.findall(text)]:
        lexer = shlex.shlex(part, posix=True, punctuation_chars="();<>|&")
        lexer.whitespace, lexer.commenters, lexer.whitespace_split = " \t", "", True
        words = [word for token in lexer for word in re.split(r"(\n)", token) if word]
        # A word in quotes may hold line breaks; only telemetry's own subcommands are looked for.
        for place, word in enumerate(words):
            starts = place == 0 or words[place - 1] in {"$", "exec", "\n", "&&"} | END
            starts = starts or "=" in words[place - 1]
            if word == "telemetry" and starts:
                call = []
                for following in words[place + 1 :]:
                    if set(following) <= END:
                        break
                    call.append(following)
                found.append(call)
    return found


def parse(words: list[str]) -> None:
    """Parse as click would, without running anything."""
    root = cli.make_context("telemetry", list(words), ignore_unknown_options=False)
    name, command, rest = cli.resolve_command(root, [*root._protected_args, *root.args])
    assert name is not None
    assert command is not None
    command.make_context(name, rest, parent=root)


def calls_of_pages() -> list[tuple[str, list[str]]]:
    return [
        (page.name, call)
        for page in PAGES
        for block in FENCED.findall(page.read_text())
        for call in calls_in(block)
    ]


def calls_of_manifests() -> list[tuple[str, list[str]]]:
    return [
        (path.name, ["--url", "postgresql://", *call.split()])
        for path in MANIFESTS
        for call in IN_A_MANIFEST.findall(path.read_text())
    ]


@pytest.mark.parametrize(
    ("place", "call"),
    [
        pytest.param(place, call, id=f"{place}: {' '.join(call)[:60]}")
        for place, call in [*calls_of_pages(), *calls_of_manifests()]
    ],
)
def test_each_call_of_telemetry_is_one_that_the_command_takes(place: str, call: list[str]) -> None:
    # Files that a page makes before it reads them are not here.
    there = [str(ROOT) if word in {"exported", "backup", "calls.csv"} else word for word in call]
    parse(there)


def test_the_guide_is_not_empty() -> None:
    assert len(calls_of_pages()) > 30
    assert {place for place, _ in calls_of_manifests()} >= {"telemetry", "cronjob.yaml"}


def test_a_made_up_option_would_be_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse(["status", "--no-such-option"])


def test_every_manifest_runs_every_six_hours_off_the_hour() -> None:
    schedules = {
        path.name: path.read_text() for path in MANIFESTS if path.name != "telemetry.service"
    }
    for name, text in schedules.items():
        assert "17 */6 * * *" in text or "OnCalendar=00/6:17" in text, name


def test_the_kubernetes_manifest_is_yaml_without_a_secret_in_it() -> None:
    (job,) = yaml.safe_load_all((DEPLOY / "kubernetes" / "cronjob.yaml").read_text())
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert container["envFrom"] == [{"secretRef": {"name": "telemetry"}}]
    assert all("TOKEN" not in variable["name"] for variable in container["env"])


def test_the_airflow_dag_is_python() -> None:
    path = DEPLOY / "airflow" / "telemetry_dag.py"
    compile(path.read_text(), str(path), "exec")


def test_the_roles_page_names_what_readers_see() -> None:
    page = (GUIDE / "roles.md").read_text()
    for name in (*READABLE, *(column for columns in SENSITIVE.values() for column in columns)):
        assert f"`{name}`" in page, name


def test_the_reports_of_the_guide_exist() -> None:
    page = (GUIDE / "telemetry-command.md").read_text()
    named = set(re.findall(r"telemetry report ([a-z][a-z-]+)", page))
    assert named <= set(report_names())


@pytest.mark.parametrize(
    "path",
    [*PAGES, *MANIFESTS, ROOT / "README.md", ROOT / ".github" / "workflows" / "telemetry.yml"],
    ids=lambda path: path.name,
)
def test_no_example_passes_a_password_on_a_command_line(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    commands = "\n".join(FENCED.findall(text)) if path.suffix == ".md" else text

    assert ON_A_COMMAND_LINE.findall(commands.replace("user:password@", "")) == []
