"""`telemetry check` on a real server, and against a webhook that really listens."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from support.sample_rows import call, insert, run
from support.telemetry_command import Ran, telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from target_telemetry_postgres.postgres.database import Database

NOW = datetime.now(timezone.utc)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)


@pytest.fixture
def check(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Ran]:
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str, rules: str | None = None) -> Ran:
        if rules is not None:
            (tmp_path / "telemetry-rules.toml").write_text(rules)
        return telemetry("--url", database_url, "check", *arguments)

    return run_it


def days_of_calls(database: Database, *, yesterday: str, usual: str = "1") -> None:
    """A call a day for twelve weeks, and yesterday's."""
    insert(
        database,
        "llm_calls",
        *(
            call(
                day,
                timestamp=TODAY - timedelta(days=day) + timedelta(hours=3),
                estimated_cost=yesterday if day == 1 else usual,
            )
            for day in range(1, 86)
        ),
    )


class Webhook:
    """A server that remembers what was posted to it."""

    def __init__(self, answer: int = 200) -> None:
        self.bodies: list[Any] = []
        webhook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                webhook.bodies.append(json.loads(self.rfile.read(length)))
                self.send_response(answer)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/secret-part"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_an_empty_database_is_all_well(check: Callable[..., Ran]) -> None:
    ran = check()
    assert (ran.code, ran.out, ran.err) == (0, "All well: 3 rules checked.\n", "")


def test_a_day_over_its_budget_is_a_breach_and_exit_code_2(
    database: Database, check: Callable[..., Ran]
) -> None:
    days_of_calls(database, yesterday="61.2")
    ran = check("--budget", "50", rules="built_in = []\n")
    yesterday = (TODAY - timedelta(days=1)).date()
    assert ran.code == 2
    first, *query = ran.out.splitlines()
    assert first == f"budget-per-day: cost of day {yesterday} is 61.20, above 50."
    assert all(line.startswith("    ") for line in query)
    with database.connect() as connection:
        connection.execute("set search_path to telemetry")
        assert connection.execute("\n".join(query).encode()).fetchall()
    assert check("--budget", "61.2").code == 0


def test_a_day_unlike_its_own_past_is_a_breach(
    database: Database, check: Callable[..., Ran]
) -> None:
    days_of_calls(database, yesterday="3")
    ran = check("--json")
    assert ran.code == 2
    (breach,) = ran.json["breaches"]
    assert breach["rule"] == "cost-against-past"
    assert "3 times the usual 1 of that weekday" in breach["sentence"]
    assert breach["figures"]["value"] == 3
    assert "from llm_calls" in breach["query"]


def test_a_day_like_its_own_past_is_not(database: Database, check: Callable[..., Ran]) -> None:
    days_of_calls(database, yesterday="1.9")
    assert check().code == 0


def test_a_rule_says_itself_how_unlike_its_past_a_day_must_be(
    database: Database, check: Callable[..., Ran]
) -> None:
    days_of_calls(database, yesterday="3")
    past = {"report": '"cost-per-day"', "above": '"past"'}
    strict = rule(column='column = "cost"', sigmas="20", **past)
    assert check(rules="built_in = []\n" + strict).code == 0
    assert check(rules="built_in = []\n" + rule(column='column = "cost"', **past)).code == 2


def test_a_workflow_that_fails_more_often_than_before_is_a_breach(
    database: Database, check: Callable[..., Ran]
) -> None:
    old = [run(n, started_at=NOW - timedelta(days=2, hours=n)) for n in range(1, 41)]
    recent = [
        run(100 + n, started_at=NOW - timedelta(hours=n), conclusion="failure") for n in range(1, 6)
    ]
    luck = [
        run(200 + n, workflow_name="nightly", started_at=NOW - timedelta(days=2, hours=n),
            conclusion="failure" if n % 2 else "success")
        for n in range(1, 41)
    ] + [
        run(300 + n, workflow_name="nightly", started_at=NOW - timedelta(hours=n),
            conclusion="failure")
        for n in range(1, 6)
    ]  # fmt: skip
    insert(database, "workflow_runs", *old, *recent, *luck)
    ran = check()
    assert ran.code == 2
    assert ran.out.splitlines()[0] == (
        "workflow-failures: CI of octo/repo failed 5 of 5 times in the last day, and 0 of 40 in "
        "the eight weeks before."
    )
    assert "nightly" not in ran.out


def test_a_stream_that_has_fallen_silent_is_a_breach(
    database: Database, check: Callable[..., Ran]
) -> None:
    def loaded(stream: str, *ages: int) -> None:
        insert(
            database,
            "ingest_runs",
            *(
                {
                    "run_id": UUID(int=age),
                    "stream": stream,
                    "status": "succeeded",
                    "started_at": NOW - timedelta(days=age),
                    "rows_inserted": 1 if age > 6 or stream == "workflow_runs" else 0,
                }
                for age in ages
            ),
        )

    loaded("llm_calls", *range(1, 20))
    loaded("workflow_runs", *range(1, 20))
    loaded("workflows", 30, 15)
    ran = check()
    assert ran.code == 2
    assert ran.out.count("no-new-rows:") == 1
    assert "llm_calls has brought no new rows for 7 days" in ran.out
    assert "its longest pause before was 1 day." in ran.out


RULES = """
built_in = ["no-new-rows"]
budget_per_day = 1000

[[rule]]
name = "expensive models"
report = "cost-per-model"
column = "cost"
above = 5
per = "model"
window = "90d"

[[rule]]
name = "calls there are"
sql = "select count(*) as calls from llm_calls where \\"timestamp\\" >= %(since)s"
column = "calls"
below = 100
window = "13w"

[[rule]]
name = "models against their past"
report = "cost-per-day"
column = "cost"
above = "past"
per = "model"
"""


def test_rules_of_a_file(database: Database, check: Callable[..., Ran]) -> None:
    days_of_calls(database, yesterday="30")
    insert(database, "llm_calls", call(500, model="cheap", timestamp=NOW - timedelta(hours=1)))
    ran = check("--json", rules=RULES)
    assert ran.code == 2
    assert ran.json["rules"] == [
        "budget-per-day", "no-new-rows", "expensive models", "calls there are",
        "models against their past",
    ]  # fmt: skip
    sentences = [breach["sentence"] for breach in ran.json["breaches"]]
    assert sentences[0] == "expensive models: cost of model gpt-4o-mini is 114, above 5."
    assert sentences[1] == "calls there are: calls is 86, below 100."
    assert sentences[2].startswith("models against their past: cost of model gpt-4o-mini was 30 on")
    assert len(sentences) == 3


def rule(name: str = 'name = "a"', column: str = 'column = "c"', **more: str) -> str:
    lines = ["[[rule]]", name, column, *(f"{key} = {value}" for key, value in more.items())]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ("[[rule]\n", "is not TOML"),
        ("budget = 3\n", "says budget; it may say budget_per_day, built_in, rule."),
        ('built_in = ["all"]\n', "built_in is a list out of cost-against-past,"),
        ('budget_per_day = "50"\n', "budget_per_day is a number of US dollars."),
        ("x = 1\n" + rule(), "says x"),
        (rule(name=""), "rule 1 has no name."),
        (rule(column=""), 'rule 1 "a" has no column to look at.'),
        (rule(above="1"), "needs one of report and sql."),
        (rule(report='"x"'), 'there is no report "x".'),
        (rule(report='"runs"'), "has neither above nor below."),
        (rule(report='"runs"', above='"x"'), 'above is a number, or "past"'),
        (rule(report='"runs"', below="nan"), 'below is a number, or "past"'),
        (rule(report='"runs"', above="1", window='"x"'), "a length of time"),
        (rule(report='"runs"', above='"past"', window='"1d"'), "so it has no window"),
        (rule(report='"runs"', above="1", per="[1]"), "per is a column"),
        (rule(report='"runs"', above="1", sigmas="2"), "sigmas is a positive number"),
        (rule(sql='"select 1 as b"', above="0"), "looks at c; there are b"),
        (rule(sql='"selec"', above="0"), "cannot be run: syntax error"),
        (rule(sql="\"select 'x' as c\"", above="0"), "which is no number"),
        (rule(sql='"delete from llm_calls"', above="0"), "read-only"),
        (rule(sql='"select 1 as c"', above='"past"'), "need a column day"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_one_sentence_and_exit_code_1(
    check: Callable[..., Ran], rules: str, sentence: str
) -> None:
    ran = check(rules=rules)
    assert ran.code == 1
    assert sentence in ran.err
    assert len(ran.err.splitlines()) == 1


def test_two_rules_of_one_name_are_refused(check: Callable[..., Ran]) -> None:
    ran = check(rules=2 * rule(sql='"select 1 as c"', above="2"))
    assert (ran.code, "several rules named a" in ran.err) == (1, True)


def test_breaches_are_posted_as_slack_takes_them(
    database: Database, check: Callable[..., Ran], webhook: Webhook
) -> None:
    days_of_calls(database, yesterday="1", usual="1")
    broken = rule(name='name = "a<b"', sql='"select 3 as c"', above="2")
    ran = check("--post", webhook.url, rules=broken)
    assert ran.code == 2
    (body,) = webhook.bodies
    assert body["text"].startswith("telemetry check: 1 breach in ")
    assert body["text"].endswith("• a&lt;b: c is 3, above 2.")
    assert check("--post", webhook.url, rules="").code == 0
    assert len(webhook.bodies) == 1


def test_a_webhook_that_refuses_is_a_sentence_without_its_secret(
    database: Database, check: Callable[..., Ran]
) -> None:
    refusing = Webhook(answer=403)
    ran = check("--post", refusing.url, rules=rule(sql='"select 3 as c"', above="2"))
    refusing.server.shutdown()
    refusing.server.server_close()
    gone = check("--post", refusing.url)
    assert (ran.code, gone.code) == (1, 1)
    assert "a: c is 3, above 2." in ran.out
    assert "could not be posted to 127.0.0.1: it answers 403." in ran.err
    assert "secret-part" not in ran.err + gone.err
    bad = check("--post", "file:///etc/passwd")
    assert (bad.code, "--post needs a URL" in bad.err) == (1, True)
