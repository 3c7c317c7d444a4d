-- Traces of a pull request, branch or commit, or the trace of this id.
select
  trace_id, repository, branch, language, pr_id, title, status, pr_created_at, merged_at, user_id,
  ide_version, os, start_time, end_time, duration_seconds
from pr_traces
where (
    trace_id = %(reference)s
    or pr_id = %(pr_id)s
    or (%(repository)s::text is null and pr_id like %(any_pr)s)
    or branch = %(branch)s
    or trace_id in (select trace_id from pr_trace_commits where commit_sha like %(commit)s)
  )
  and (%(repository)s::text is null or repository = %(repository)s or pr_id = %(pr_id)s)
order by coalesce(start_time, pr_created_at), trace_id
