"""Load telemetry every 6 hours; one pipeline failing does not keep the other from running.

For Airflow 3; in Airflow 2 the imports are `airflow.DAG` and `airflow.operators.bash`. The workers
have the project at /srv/telemetry with its `.venv`. `DATABASE_URL` comes from the connection
`telemetry`, the GitHub token from the variable `telemetry_github_token`.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

PROJECT = "/srv/telemetry"
RUN = (
    'export PATH="$PWD/.venv/bin:$PATH" && '
    'export MELTANO_DATABASE_URI="$(telemetry url --meltano)" && '
    "exec meltano --environment=prod run {job}"
)
ENVIRONMENT = {
    # Airflow writes postgres://, which the target takes as well.
    "DATABASE_URL": "{{ conn.telemetry.get_uri() }}",
    "GITHUB_TOKEN": "{{ var.value.telemetry_github_token }}",
}


def task(task_id: str, command: str, **more: object) -> BashOperator:
    """A command in the project's folder."""
    return BashOperator(
        task_id=task_id,
        bash_command=command,
        cwd=PROJECT,
        env=ENVIRONMENT,
        append_env=True,
        **more,
    )


with DAG(
    dag_id="telemetry",
    schedule="17 */6 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    max_active_runs=1,
    default_args={
        "retries": 2,
        "retry_delay": timedelta(minutes=10),
        "retry_exponential_backoff": True,
        "execution_timeout": timedelta(hours=5),
    },
) as dag:
    check = task(
        "status",
        "exec .venv/bin/telemetry status --max-lag 13h",
        trigger_rule="all_done",
        retries=0,
    )
    for job in ("ingest-csv", "ingest-github"):
        task(job.replace("-", "_"), RUN.format(job=job)) >> check
