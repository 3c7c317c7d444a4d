-- LLM calls of a trace: of its sessions, of its commits, or made on its branch before it was merged
-- and after the one before.
select
  call_id, "timestamp", model, prompt_name, input_tokens, output_tokens, estimated_cost, success,
  duration_ms, session_id, repository, branch, commit_sha
from llm_calls
where session_id = any(%(sessions)s)
   or (
     lower(commit_sha) like any(%(commits)s)
     and coalesce(repository = %(repository)s, true)
   )
   or (
     repository = %(repository)s
     and branch = %(branch)s
     and "timestamp" <= coalesce(%(until)s, now())
     and "timestamp" > coalesce(
       (
         select max(merged_at)
         from pr_traces
         where repository = %(repository)s and branch = %(branch)s
           and merged_at < coalesce(%(until)s, now())
       ),
       '-infinity'
     )
   )
order by "timestamp", call_id
