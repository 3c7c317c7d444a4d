-- Every column of the schema's tables and views that this role may read, with its type.
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
order by c.relname, a.attnum
