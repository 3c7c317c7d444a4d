-- The schema's tables, views left out, and whether this role may read any of their columns; not
-- where row-level security would show it no row and so make nothing out of what is there.
select
  c.relname as table,
  has_any_column_privilege(c.oid, 'select') and (
    not row_security_active(c.oid)
    or exists (
      select from pg_catalog.pg_policy p, unnest(p.polroles) as role
      where p.polrelid = c.oid and p.polcmd in ('r', '*')
        and (role = 0 or pg_has_role(role, 'usage'))
    )
  ) as readable
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s
  and c.relkind in ('r', 'p', 'f')
  and not c.relispartition
  and c.relname is distinct from %(version)s::name
order by c.relname
