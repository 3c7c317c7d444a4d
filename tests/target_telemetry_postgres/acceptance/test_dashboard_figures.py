"""Every figure of the page, taken out of a real browser, is what plain SQL says of the rows."""

from __future__ import annotations

import math
import os
import random
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from support.browser import Looked, chromium, show
from support.dashboard_rows import BRANCHES, MODELS, REPOSITORIES, WORKFLOWS, fill
from support.postgres import url_of
from support.telemetry_command import telemetry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg

    from support.postgres import PostgresServer
    from target_telemetry_postgres.postgres.database import Database

FULL = os.environ.get("TELEMETRY_PROOF") == "full"
SEED = random.randrange(10**6) if FULL else 2711  # noqa: S311 - rows, no secret
CHOICES = 60 if FULL else 5
ZONES = ("America/New_York", "Pacific/Auckland")
#: Bins are 9 % wide; the promise is 5 %.
NEAR = 0.05
BAD = "('failure', 'timed_out', 'startup_failure')"

RUNS = f"""
  select *, coalesce(repository, '(none)') as r, coalesce(workflow_name, '(none)') as w,
    coalesce(branch, '(none)') as b,
    (coalesce(started_at, run_created_at) at time zone %(zone)s)::date as day,
    extract(hour from coalesce(started_at, run_created_at) at time zone %(zone)s)::int as hour,
    conclusion = 'success' as good, coalesce(conclusion in {BAD}, false) as bad,
    run_attempt = max(run_attempt) over (partition by github_run_id) as newest
  from workflow_runs
"""
JOBS = f"""
  select *, coalesce(repository, '(none)') as r, coalesce(workflow_name, '(none)') as w,
    coalesce(branch, '(none)') as b, coalesce(job_name, '(none)') as j,
    (coalesce(started_at, queued_at) at time zone %(zone)s)::date as day,
    conclusion = 'success' as good, coalesce(conclusion in {BAD}, false) as bad,
    case when duration_seconds >= 0 then ceil(duration_seconds / 60) end as minutes,
    (
      select usd_per_minute from runner_prices
      where labels && runner_labels
        and valid_from <= (coalesce(started_at, queued_at) at time zone 'UTC')::date
        and (sku = 'self_hosted' or not 'self-hosted' = any(runner_labels))
      order by valid_from desc limit 1
    ) as price,
    conclusion in ('failure', 'timed_out') and exists (
      select from workflow_jobs other
      where other.repository = job.repository and other.workflow_name = job.workflow_name
        and other.job_name = job.job_name and other.commit_sha = job.commit_sha
        and other.conclusion = 'success' and other.is_carried_over is not true
    ) as flaky
  from workflow_jobs job
  where conclusion is distinct from 'skipped' and is_carried_over is not true
"""
CALLS = """
  select *, coalesce(repository, '(none)') as r, coalesce(branch, '(none)') as b,
    coalesce(environment, '(none)') as e, coalesce(phase, '(none)') as p,
    coalesce(model, '(none)') as m, ("timestamp" at time zone %(zone)s)::date as day
  from llm_calls
"""
INSIDE = """
  where day between %(from)s and %(to)s and {extra}
    and (%(repository)s::text[] is null or r = any(%(repository)s))
    and (%(branch)s::text[] is null or b = any(%(branch)s))
"""
CI = INSIDE.format(extra="(%(workflow)s::text[] is null or w = any(%(workflow)s))")
LLM = INSIDE.format(
    extra="""(%(environment)s::text[] is null or e = any(%(environment)s))
    and (%(phase)s::text[] is null or p = any(%(phase)s))
    and (%(model)s::text[] is null or m = any(%(model)s))"""
)
FINISHED = "(good or bad) and duration_seconds >= 0"


class Asked:
    """One choice of a reader, and plain SQL under it."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        zone: str,
        first_day: date,
        chosen: dict[str, Any],
    ) -> None:
        self.connection, self.zone, self.chosen = connection, zone, chosen
        self.days = [
            chosen["from"] + timedelta(days=n)
            for n in range((chosen["to"] - chosen["from"]).days + 1)
        ]
        size = 1 if len(self.days) <= 62 else 7
        ends = [chosen["to"] - timedelta(days=n) for n in range(0, len(self.days), size)][::-1]
        first = [max(chosen["from"], end - timedelta(days=size - 1)) for end in ends]
        self.points = list(zip(first, ends, strict=True))
        # A day's rate is taken over the seven days that end with it, of those that the page has.
        self.windows = [
            (max(first_day, end - timedelta(days=6)) if size == 1 else start, end)
            for start, end in self.points
        ]

    def rows(self, query: str, **more: Any) -> list[tuple[Any, ...]]:
        filters = dict.fromkeys(
            ("repository", "workflow", "branch", "environment", "phase", "model")
        )
        return self.connection.execute(
            query.encode(), {**filters, "zone": self.zone, **self.chosen, **more}
        ).fetchall()

    def one(self, query: str, **more: Any) -> tuple[Any, ...]:
        (row,) = self.rows(query, **more)
        return row

    def over(self, windows: list[tuple[date, date]], query: str) -> list[tuple[Any, ...]]:
        return [self.one(query, **{"from": start, "to": end}) for start, end in windows]


def same(shown: Any, told: Any, where: str, *, within: float = 1e-9, least: float = 0.0) -> None:
    """Two figures, or two texts, or both nothing."""
    if told is None or isinstance(told, str) or shown is None:
        assert shown == told, f"{where}: {shown} is shown, {told} is right"
        return
    assert math.isclose(float(shown), float(told), rel_tol=within, abs_tol=max(least, 1e-6)), (
        f"{where}: {shown} is shown, {told} is right"
    )


def middle(column: str) -> str:
    return (
        f"percentile_cont(0.5) within group (order by {column}::float8),"
        f" percentile_cont(0.95) within group (order by {column}::float8)"
    )


def check_tiles(looked: Looked, asked: Asked) -> None:
    tiles = looked.tiles()
    good, all_, rerun = asked.one(
        f"select count(*) filter (where good and run_attempt = 1), count(*) filter (where"
        f" (good or bad) and run_attempt = 1), sum(round(duration_seconds)) filter (where"
        f" run_attempt > 1 and duration_seconds >= 0 and conclusion is distinct from 'skipped')"
        f" from ({RUNS}) x {CI}"
    )
    same(tiles["success"], good / all_ if all_ else None, "success")
    same(tiles["rerun"], rerun or 0, "re-runs", least=200)
    p50, p95 = asked.one(f"select {middle('duration_seconds')} from ({RUNS}) x {CI} and {FINISHED}")
    same(tiles["run-p50"], p50, "run p50", within=NEAR)
    same(tiles["run-p95"], p95, "run p95", within=NEAR)
    (queue,) = asked.one(
        "select percentile_cont(0.95) within group (order by queued_seconds::float8)"
        f" from ({JOBS}) x {CI} and queued_seconds >= 0"
    )
    same(tiles["queue-p95"], queue, "queue p95", within=NEAR)
    cost, minutes = asked.one(f"select sum(minutes * price), 1 from ({JOBS}) x {CI}")
    assert minutes
    same(tiles["runner-cost"], cost or 0, "runner cost", least=0.001)
    green = [took for *_, took in greens(asked)]
    same(tiles["green"], exact_percentile(green, 0.5), "to green", within=NEAR)
    calls, failed, known, dollars, cached, cacheable = asked.one(
        "select count(*), count(*) filter (where not success), count(success),"
        " sum(estimated_cost), sum(cache_read_tokens),"
        " sum(input_tokens) filter (where cache_read_tokens is not null)"
        f" from ({CALLS}) x {LLM}"
    )
    same(tiles["calls"], calls, "calls")
    same(tiles["cost"], dollars or 0, "cost", least=1e-5)
    same(tiles["errors"], failed / known if known else None, "errors")
    fine = calls - failed
    same(
        tiles["per-success"],
        float(dollars or 0) / fine if fine else None,
        "per success",
        least=1e-5,
    )
    same(tiles["cache"], cached / cacheable if cacheable else None, "cache")
    p50, p95 = asked.one(
        f"select {middle('duration_ms')} from ({CALLS}) x {LLM}"
        " and success is not false and duration_ms >= 0"
    )
    same(tiles["call-p50"], None if p50 is None else p50 / 1000, "call p50", within=NEAR)
    same(tiles["call-p95"], None if p95 is None else p95 / 1000, "call p95", within=NEAR)


def exact_percentile(values: list[float], part: float) -> float | None:
    if not values:
        return None
    values = sorted(values)
    rank = (len(values) - 1) * part
    low, high = values[math.floor(rank)], values[math.ceil(rank)]
    return low + (high - low) * (rank - math.floor(rank))


def greens(asked: Asked) -> list[tuple[str, str, float]]:
    """Walk along each workflow's attempts, as a person would."""
    counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for repository, branch in asked.connection.execute(
        "select coalesce(repository, '(none)'), branch from workflow_runs where branch is not null"
    ):
        counted[repository][branch] += 1
    default = {
        repository: min(
            branches, key=lambda name: (name != "main", name != "master", -branches[name], name)
        )
        for repository, branches in counted.items()
    }
    rows = asked.connection.execute(
        f"select r, w, b, coalesce(completed_at, started_at, run_created_at) as ended, good"
        f" from ({RUNS}) x where good or bad"
        " order by r, w, ended nulls last, github_run_id, run_attempt",
        {"zone": asked.zone},
    ).fetchall()
    found = []
    for (repository, workflow), attempts in groupby(rows, key=lambda row: row[:2]):
        red: datetime | None = None
        for _, _, branch, ended, good in attempts:
            if branch != default.get(repository):
                continue
            if good and red is not None and ended is not None:
                day = ended.astimezone(ZoneInfo(asked.zone)).date()
                if chosen(asked, repository, workflow, branch, day):
                    found.append((repository, workflow, (ended - red).total_seconds()))
            if good:
                red = None
            elif red is None:
                red = ended
    return found


def chosen(asked: Asked, repository: str, workflow: str, branch: str, day: date) -> bool:
    wanted = asked.chosen
    named = {"repository": repository, "workflow": workflow, "branch": branch}
    return wanted["from"] <= day <= wanted["to"] and all(
        name not in wanted or value in wanted[name] for name, value in named.items()
    )


def check_points(looked: Looked, asked: Asked) -> None:
    """The charts over time, point by point."""
    outcomes = asked.over(
        asked.points,
        "select count(*) filter (where good), count(*) filter (where bad)"
        f" from ({RUNS}) x {CI} and conclusion is distinct from 'skipped'",
    )
    for (start, _), told, shown in zip(
        asked.points, outcomes, reversed(looked.card("outcomes")), strict=True
    ):
        assert shown[0] == start.isoformat()
        same(shown[1], told[0], f"success {start}")
        same(shown[2], told[1], f"failed {start}")
    rates = asked.over(
        asked.windows,
        "select count(*) filter (where good and run_attempt = 1),"
        " count(*) filter (where run_attempt = 1), count(*) filter (where good and newest),"
        f" count(*) filter (where newest) from ({RUNS}) x {CI} and (good or bad)",
    )
    for told, shown in zip(rates, reversed(looked.card("success-rate")), strict=True):
        same(shown[1], told[0] / told[1] if told[1] >= 5 else None, "first attempt")
        same(shown[2], told[2] / told[3] if told[3] >= 5 else None, "after re-runs")
    for card, source, column, extra in (
        ("run-time", f"({RUNS}) x {CI}", "duration_seconds", FINISHED),
        ("queue", f"({JOBS}) x {CI}", "queued_seconds", "queued_seconds >= 0"),
        ("latency", f"({CALLS}) x {LLM}", "duration_ms / 1000.0",
         "success is not false and duration_ms >= 0"),
    ):  # fmt: skip
        told_ = asked.over(
            asked.windows, f"select {middle(column)}, count(*) from {source} and {extra}"
        )
        for told, shown in zip(told_, reversed(looked.card(card)), strict=True):
            few = told[2] < 5
            same(shown[2], None if few else told[0], f"{card} median", within=NEAR)
            same(shown[1], None if few else told[1], f"{card} p95", within=NEAR)
    sums = asked.over(
        asked.points,
        "select coalesce(sum(estimated_cost), 0), coalesce(sum(output_tokens), 0)"
        f" from ({CALLS}) x {LLM}",
    )
    costs = asked.over(
        asked.points, f"select coalesce(sum(minutes * price), 0) from ({JOBS}) x {CI}"
    )
    stacks = zip(
        sums, costs, *(reversed(looked.card(name) or [[None] * 2] * len(sums))
                       for name in ("model-cost", "tokens", "runner-cost")), strict=True,
    )  # fmt: skip
    for (dollars, output), (runner,), models, tokens, workflows in stacks:
        same(sum(value or 0 for value in models[1:]), dollars, "cost of a point", least=1e-5)
        same(tokens[-1] or 0, output, "output tokens of a point")
        same(sum(value or 0 for value in workflows[1:]), runner, "runners of a point", least=1e-3)


def check_groups(looked: Looked, asked: Asked) -> None:
    """The tables, row by row."""
    told_workflows = asked.rows(
        "select w, r, count(*) filter (where good or bad), count(*) filter (where bad),"
        f" count(*) filter (where run_attempt > 1) from ({RUNS}) x {CI}"
        " and conclusion is distinct from 'skipped' group by 1, 2"
    )
    shown = looked.card("workflows")
    assert sorted((row[0], row[1], row[2], row[7]) for row in shown) == sorted(
        (w, all_, bad, again) for w, _, all_, bad, again in told_workflows
    )
    told_jobs = asked.rows(
        "select j, count(*) filter (where good or bad), count(*) filter (where flaky),"
        " coalesce(round(sum(duration_seconds) filter (where duration_seconds >= 0) / 3600, 2), 0)"
        f" from ({JOBS}) x {CI} group by r, w, j"
    )
    shown = looked.card("jobs")
    assert sorted((row[0], row[1], row[3]) for row in shown) == sorted(
        (job, all_, flaky) for job, all_, flaky, _ in told_jobs
    )
    same(sum(row[6] for row in shown), sum(row[3] for row in told_jobs), "hours", least=0.5)
    told_steps = asked.rows(
        """
        select coalesce(step_name, '(none)'), count(*) from (
          select step.step_name, step.conclusion, job.is_carried_over as over,
            coalesce(job.repository, '(none)') as r, coalesce(job.workflow_name, '(none)') as w,
            coalesce(job.branch, '(none)') as b,
            (coalesce(step.started_at, step.completed_at, job.started_at, job.queued_at)
              at time zone %(zone)s)::date as day
          from workflow_steps step join workflow_jobs job using (github_job_id)
        ) x """
        + CI
        + " and conclusion in ('failure', 'timed_out') and over is not true group by 1"
    )
    steps: dict[str, int] = defaultdict(int)
    for row in looked.card("steps"):
        steps[row[0]] += row[1]
    assert steps == dict(told_steps)
    failed = asked.rows(f"select display_title from ({RUNS}) x {CI} and bad order by 1")
    assert sorted(row[0] for row in looked.card("failed")) == [title for (title,) in failed]
    check_hours(looked, asked)
    check_coverage(looked, asked)
    check_money(looked, asked)


def check_hours(looked: Looked, asked: Asked) -> None:
    hours = asked.rows(
        "select (extract(isodow from day)::int - 1) * 24 + hour, count(*),"
        f" count(*) filter (where bad) from ({RUNS}) x {CI} and (good or bad) group by 1"
    )
    block = 4 if sum(row[1] for row in hours) < 2000 else 1
    told: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for cell, all_, bad in hours:
        told[cell // block][0] += all_
        told[cell // block][1] += bad
    shown = [row[1:3] for row in looked.card("heat")]
    assert shown == [told[cell] for cell in sorted(told)]


def check_coverage(looked: Looked, asked: Asked) -> None:
    told = asked.rows(
        """
        select distinct on (r, b) r, b, percent from (
          select snapshot.*, coalesce(snapshot.repository, '(none)') as r,
            coalesce(snapshot.branch, '(none)') as b,
            coalesce(run.workflow_name, '(none)') as w, run.github_run_id as run,
            (measured_at at time zone %(zone)s)::date as day
          from coverage_snapshots snapshot
          left join workflow_runs run using (github_run_id, run_attempt)
        ) x """
        + CI
        + " and percent is not null order by r, b, measured_at desc, id desc"
    )
    shown = {(row[0], row[1]): row[2] for row in looked.card("coverage")}
    assert shown.keys() == {(r, b) for r, b, _ in told}
    for r, b, percent in told:
        same(shown[r, b], float(percent) / 100, f"coverage of {r} {b}")


def check_money(looked: Looked, asked: Asked) -> None:
    reasons = asked.rows(
        "select case when coalesce(error_message, '') = '' then '(no message)'"
        " when error_message like 'timeout%%' then 'timeout after # s' else 'context' end,"
        f" count(*) from ({CALLS}) x {LLM} and success = false group by 1"
    )
    assert {row[0]: row[1] for row in looked.card("reasons")} == dict(reasons)
    columns = {"phase": "phase", "prompt": "prompt_name", "user": "user_id", "source": "source"}
    for tab, column in columns.items():
        told = asked.rows(
            f"select coalesce({column}, '(none)'), count(*), sum(estimated_cost)"
            f" from ({CALLS}) x {LLM} group by 1"
        )
        shown = {row[0]: row[1:] for row in looked.card("money", tab)}
        assert {name: row[0] for name, row in shown.items()} == {row[0]: row[1] for row in told}
        for name, _, dollars in told:
            same(shown[name][1], dollars or 0, f"{tab} {name}", least=1e-5)
    models = asked.rows(
        "select m, count(*), sum(estimated_cost),"
        " percentile_cont(0.95) within group (order by duration_ms / 1000.0)"
        " filter (where success is not false and duration_ms >= 0),"
        f" count(*) filter (where estimated_cost is null) from ({CALLS}) x {LLM} group by 1"
    )
    shown = {row[0]: row for row in looked.card("models")}
    assert shown.keys() == {row[0] for row in models}
    for model, calls, dollars, p95, unpriced in models:
        same(shown[model][1], calls, f"calls of {model}")
        same(shown[model][2], dollars or 0, f"cost of {model}", least=1e-5)
        same(shown[model][6], p95, f"p95 of {model}", within=NEAR)
        same(shown[model][9], unpriced, f"without a price, {model}")


@pytest.fixture(scope="module")
def store(postgres_server: PostgresServer) -> Iterator[Database]:
    name = postgres_server.make_database(migrated=True)
    database = postgres_server.database(name)
    fill(database, random.Random(SEED))  # noqa: S311
    yield database
    postgres_server.drop_database(name)


def random_choice(chance: random.Random, today: date) -> dict[str, Any]:
    """Some days and some filters; values that are null are chosen as they are shown."""
    length = chance.choice((1, 7, 20, 62, 63, 90, 186))
    first = today - timedelta(days=chance.randrange(185))
    picked: dict[str, Any] = {
        "from": first, "to": min(today, first + timedelta(days=length - 1))
    }  # fmt: skip
    for name, values in {
        "repository": REPOSITORIES,
        "workflow": WORKFLOWS,
        "branch": BRANCHES,
        "environment": ("ci", "local", None),
        "phase": ("1", "2", "3.1", None),
        "model": MODELS,
    }.items():
        if chance.random() < 0.3:
            some = chance.sample(values, chance.choice((1, 2)))
            picked[name] = sorted({value or "(none)" for value in some})
    return picked


@pytest.mark.proof
@pytest.mark.parametrize("zone", ZONES)
def test_every_figure_is_what_plain_sql_says(store: Database, tmp_path: Path, zone: str) -> None:
    page = tmp_path / "page.html"
    ran = telemetry(
        "--url", url_of(store.conninfo), "dashboard", "--output", str(page), "--timezone", zone
    )
    assert ran.code == 0, ran.err
    chance = random.Random(SEED + len(zone))  # noqa: S311
    today = datetime.now(timezone.utc).astimezone(ZoneInfo(zone)).date()
    with chromium() as browser, store.connect(autocommit=True) as connection:
        connection.execute("set search_path = telemetry")
        looked = show(browser, page)
        for turn in range(CHOICES):
            picked = random_choice(chance, today) if turn else {
                "from": today - timedelta(days=185), "to": today
            }  # fmt: skip
            pairs = [("from", picked["from"].isoformat()), ("to", picked["to"].isoformat())]
            pairs += [
                (name, value)
                for name, values in picked.items()
                if isinstance(values, list)
                for value in values
            ]
            looked.choose(urlencode(pairs))
            asked = Asked(connection, zone, today - timedelta(days=185), picked)
            try:
                check_tiles(looked, asked)
                check_points(looked, asked)
                check_groups(looked, asked)
            except AssertionError as error:
                raise AssertionError(f"seed {SEED}, {zone}, #{urlencode(pairs)}") from error
        assert looked.complaints == []
        looked.close()
