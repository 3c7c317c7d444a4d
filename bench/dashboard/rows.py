"""A platform group's store of 186 days, made by Postgres itself: the same for the same scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bench.target.server import Server

#: At scale 1: as many as a group of 25 repositories makes in half a year.
RUNS: Final = 200_000
JOBS_A_RUN: Final = 3
STEPS_A_JOB: Final = 4
CALLS: Final = 1_000_000

# Lognormal times; more runs by day than by night; one run in twelve fails, one in twenty again.
_STATEMENTS: Final = (
    "select setseed(0.27)",
    """
    insert into workflow_runs (
      github_run_id, run_attempt, repository, workflow_name, branch, commit_sha, conclusion,
      started_at, completed_at, run_created_at, duration_seconds, display_title, html_url
    )
    select
      n, 1 + (random() < 0.05)::int, 'octo-org/' || r.name, w.name,
      case when random() < 0.55 then 'main' when random() < 0.1 then 'develop'
        else 'feature/' || (random() * 4000)::int end,
      md5((n / 3)::text), case when random() < 0.08 then 'failure'
        when random() < 0.02 then 'cancelled' else 'success' end,
      t, t + took * interval '1 second', t, took, 'Change ' || n,
      'https://github.com/octo-org/' || r.name || '/actions/runs/' || n
    from generate_series(1, %(runs)s) n
    cross join lateral (
      select 'service-' || (1 + floor(power(random(), 1.5) * 25 + n * 0)::int) as name
    ) r
    cross join lateral (
      select (array['CI', 'CI', 'CI', 'Lint', 'Lint', 'Deploy', 'Nightly', 'Release'])[
        1 + floor(random() * 8 + n * 0)::int] as name
    ) w
    cross join lateral (
      select now() - interval '185 days' * random()
        - interval '4 hours' * random() + interval '0 seconds' * n as t,
        round(exp(5.5 + 0.9 * sqrt(-2 * ln(1 - random() + n * 0)) * cos(6.2832 * random())))
          as took
    ) made
    """,
    """
    insert into workflow_jobs (
      github_job_id, github_run_id, run_attempt, repository, workflow_name, job_name, conclusion,
      queued_at, started_at, queued_seconds, duration_seconds, is_carried_over, runner_labels,
      branch, commit_sha
    )
    select
      row_number() over (), github_run_id, run_attempt, repository, workflow_name,
      (array['build', 'test (ubuntu)', 'test (macos)'])[k],
      case when random() < 0.03 then 'failure' else 'success' end,
      started_at, started_at,
      round(exp(2.3 + 0.6 * sqrt(-2 * ln(1 - random())) * cos(6.2832 * random()))),
      round(exp(5 + 0.7 * sqrt(-2 * ln(1 - random())) * cos(6.2832 * random()))),
      false, case when k = 3 then '{macos-latest}' else '{ubuntu-latest}' end::text[],
      branch, commit_sha
    from workflow_runs, generate_series(1, %(jobs)s) k
    """,
    """
    insert into workflow_steps (
      github_job_id, step_number, repository, github_run_id, run_attempt, step_name, conclusion,
      started_at, duration_seconds
    )
    select
      github_job_id, k, repository, github_run_id, run_attempt,
      (array['Set up', 'Check out', 'Install', 'Run tests'])[k],
      case when job.conclusion = 'failure' and k = 4 then 'failure' else 'success' end,
      started_at, 5
    from workflow_jobs job, generate_series(1, %(steps)s) k
    """,
    """
    insert into llm_calls (
      call_id, "timestamp", model, phase, prompt_name, user_id, source, session_id, success,
      error_message, estimated_cost, input_tokens, output_tokens, cache_read_tokens, duration_ms
    )
    select
      gen_random_uuid(), now() - interval '185 days' * random(),
      (array['claude-sonnet-4-5', 'claude-opus-4-5', 'gpt-5', 'gpt-5-mini', 'gemini-2.5-pro',
        'gemini-2.5-flash', 'claude-haiku-4-5', 'local-llama'])[1 + floor(random() * 8)::int],
      'phase-' || floor(random() * 12)::int, 'prompt-' || floor(random() * 20)::int,
      'user-' || floor(random() * 60)::int, 'otlp', 'session-' || floor(random() * 20000)::int,
      random() > 0.035, 'rate limited after ' || floor(random() * 100)::int || ' s',
      case when random() < 0.9 then exp(-5 + random() * 2) end,
      floor(random() * 20000)::int, floor(random() * 2000)::int, floor(random() * 4000)::int,
      exp(8.3 + 0.8 * sqrt(-2 * ln(1 - random())) * cos(6.2832 * random()))::int
    from generate_series(1, %(calls)s) n
    """,
    """
    insert into ingest_runs (run_id, stream, status, finished_at)
    values (gen_random_uuid(), 'workflow_runs', 'succeeded', now())
    """,
)


def fill(server: Server, scale: float) -> dict[str, int]:
    """Fill a migrated database and say how many rows each table has."""
    amounts = {
        "runs": int(RUNS * scale),
        "jobs": JOBS_A_RUN,
        "steps": STEPS_A_JOB,
        "calls": int(CALLS * scale),
    }
    with server.connect() as connection:
        connection.execute("set search_path = telemetry, pg_catalog")
        for statement in _STATEMENTS:
            connection.execute(statement, amounts if "%(" in statement else None)
        connection.execute("vacuum analyze")
        return {
            table: next(iter(connection.execute(f"select count(*) from {table}")))[0]
            for table in ("llm_calls", "workflow_runs", "workflow_jobs", "workflow_steps")
        }
