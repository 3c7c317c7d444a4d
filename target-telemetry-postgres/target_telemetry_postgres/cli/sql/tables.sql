-- The schema's tables, views left out, and whether this role may read any of their columns.
select c.relname as table, has_any_column_privilege(c.oid, 'select') as readable
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s
  and c.relkind in ('r', 'p', 'f')
  and not c.relispartition
  and c.relname is distinct from %(version)s::name
order by c.relname
