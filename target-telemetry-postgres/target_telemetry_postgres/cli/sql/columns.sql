-- Every column of the schema's tables and views that this role may read, with its type; none of a
-- table of which row-level security shows it no row (see tables.sql).
-- The version table belongs to Alembic and is left out.
select c.relname as relation, a.attname as column, format_type(a.atttypid, a.atttypmod) as type
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where n.nspname = %(schema)s
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and not c.relispartition
  and c.relname is distinct from %(version)s::name
  and has_column_privilege(c.oid, a.attnum, 'select')
  and (
    not row_security_active(c.oid)
    or exists (
      select from pg_catalog.pg_policy p, unnest(p.polroles) as role
      where p.polrelid = c.oid and p.polcmd in ('r', '*')
        and (role = 0 or pg_has_role(role, 'usage'))
    )
  )
order by c.relname, a.attnum
