-- What a table is made of: its columns in order, and the shortest unique key that is not a counter.
select
  c.relkind in ('r', 'p') as is_table,
  c.relkind = 'p' as is_partitioned,
  (
    select jsonb_agg(
      jsonb_build_object(
        'name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod),
        'required', a.attnotnull,
        'written', a.attidentity = '' and a.attgenerated = ''
      )
      order by a.attnum
    )
    from pg_catalog.pg_attribute a
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  ) as columns,
  coalesce(
    (
      select jsonb_agg(a.attname order by k.place)
      from (
        select i.indexrelid, i.indkey
        from pg_catalog.pg_index i
        where i.indrelid = c.oid
          and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
          and not exists (
            select from pg_catalog.pg_attribute counter
            where counter.attrelid = c.oid
              and counter.attnum = any(i.indkey::int2[]) and counter.attidentity <> ''
          )
        order by i.indisprimary desc, i.indnkeyatts, i.indexrelid
        limit 1
      ) best,
      unnest(best.indkey::int2[]) with ordinality as k (attnum, place)
      join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    ),
    '[]'
  ) as key
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname = %(schema)s and c.relname = %(table)s and c.relkind in ('r', 'p', 'v', 'm', 'f')
