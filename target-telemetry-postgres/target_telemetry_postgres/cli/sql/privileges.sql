-- What this role may do here, and how large it is.
select
  current_setting('server_version') as server_version,
  current_setting('server_version_num')::int as server_version_num,
  current_user as role,
  pg_is_in_recovery() as is_replica,
  has_database_privilege(current_database(), 'create') as may_create_schema,
  has_database_privilege(current_database(), 'temporary') as may_stage,
  to_regnamespace(quote_ident(%(schema)s)) is not null as schema_exists,
  coalesce(has_schema_privilege(to_regnamespace(quote_ident(%(schema)s)), 'usage'), false)
    as may_use,
  coalesce(has_schema_privilege(to_regnamespace(quote_ident(%(schema)s)), 'create'), false)
    as may_create_tables,
  pg_database_size(current_database()) as bytes,
  array(
    select c.relname::text
    from pg_catalog.pg_class c
    where c.relnamespace = to_regnamespace(quote_ident(%(schema)s))
      and c.relkind in ('r', 'p')
      and c.relname is distinct from %(version)s::name
      and not (
        has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')
        and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')
      )
    order by 1
  ) as not_writable
