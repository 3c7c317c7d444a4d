CREATE TABLE workflow_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    github_run_id bigint NOT NULL,
    run_attempt bigint NOT NULL,
    repository text,
    repository_id bigint,
    workflow_id bigint,
    workflow_name text,
    workflow_path text,
    run_number bigint,
    display_title text,
    branch text,
    commit_sha text,
    event_type text,
    status text,
    conclusion text,
    actor text,
    triggering_actor text,
    run_created_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    duration_seconds numeric,
    github_updated_at timestamptz,
    html_url text,
    pull_request_numbers bigint[],
    head_repository text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (github_run_id, run_attempt)
);
CREATE INDEX ON workflow_runs (created_at);
CREATE INDEX ON workflow_runs (commit_sha);
CREATE INDEX ON workflow_runs (repository, workflow_name, started_at);
CREATE INDEX ON workflow_runs (run_created_at);
CREATE INDEX ON workflow_runs (started_at);

CREATE TABLE workflow_jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    github_job_id bigint NOT NULL,
    github_run_id bigint,
    run_attempt bigint,
    repository text,
    workflow_name text,
    job_name text,
    status text,
    conclusion text,
    queued_at timestamptz,
    started_at timestamptz,
    completed_at timestamptz,
    queued_seconds numeric,
    duration_seconds numeric,
    is_carried_over boolean,
    runner_name text,
    runner_group text,
    runner_labels text[],
    branch text,
    commit_sha text,
    html_url text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (github_job_id)
);
CREATE INDEX ON workflow_jobs (created_at);
CREATE INDEX ON workflow_jobs (github_run_id, run_attempt);
CREATE INDEX ON workflow_jobs (started_at);

CREATE TABLE workflow_steps (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    github_job_id bigint NOT NULL,
    step_number bigint NOT NULL,
    repository text,
    github_run_id bigint,
    run_attempt bigint,
    step_name text,
    status text,
    conclusion text,
    started_at timestamptz,
    completed_at timestamptz,
    duration_seconds numeric,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (github_job_id, step_number)
);
CREATE INDEX ON workflow_steps (created_at);
CREATE INDEX ON workflow_steps (github_run_id);
CREATE INDEX ON workflow_steps (started_at);

CREATE TABLE workflows (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workflow_id bigint NOT NULL,
    repository text,
    repository_id bigint,
    workflow_name text,
    workflow_path text,
    state text,
    workflow_created_at timestamptz,
    workflow_updated_at timestamptz,
    html_url text,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workflow_id)
);
CREATE INDEX ON workflows (created_at);

CREATE TABLE coverage_snapshots (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    snapshot_id uuid NOT NULL,
    repository text,
    branch text,
    commit_sha text,
    github_run_id bigint,
    run_attempt bigint,
    report_name text,
    format text,
    lines_covered bigint,
    lines_total bigint,
    branches_covered bigint,
    branches_total bigint,
    percent numeric,
    measured_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (snapshot_id)
);
CREATE INDEX ON coverage_snapshots (created_at);
CREATE INDEX ON coverage_snapshots (github_run_id);
CREATE INDEX ON coverage_snapshots (measured_at);
