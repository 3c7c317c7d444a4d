-- Why jobs fail: their annotations, grouped by what they say; numbers and hashes count as one.
select
  repository,
  left(
    regexp_replace(
      regexp_replace(coalesce(nullif(message, ''), title, '(none)'), '[0-9a-f]{7,40}', '…', 'g'),
      '[0-9]+', '#', 'g'
    ),
    120
  ) as reason,
  count(*) as annotations,
  count(distinct github_job_id) as jobs,
  count(distinct job_name) as different_jobs,
  max(job_completed_at) as last_seen
from job_annotations
where job_completed_at >= %(since)s and job_completed_at < %(until)s
  and annotation_level = 'failure'
group by 1, 2
order by jobs desc, annotations desc, 1, 2
limit %(limit)s
