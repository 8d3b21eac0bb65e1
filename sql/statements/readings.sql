-- What PostgreSQL knows about the tables of the cache. $1 cache_entries, $2 cache_tags, $3 cache_namespaces
SELECT rows.live, rows.dead, ages.age, oldest.who, oldest.seconds, pg_catalog.pg_total_relation_size($1)
FROM (
    SELECT coalesce(pg_catalog.sum(n_live_tup), 0)::pg_catalog.int8 AS live, coalesce(pg_catalog.sum(n_dead_tup), 0)::pg_catalog.int8 AS dead
    FROM pg_catalog.pg_stat_all_tables
    WHERE relid OPERATOR(pg_catalog.=) ANY (ARRAY[$1, $2])
) AS rows, (
    SELECT coalesce(pg_catalog.max(pg_catalog.age(t.relfrozenxid)), 0)::pg_catalog.int8 AS age
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_class AS t ON t.oid OPERATOR(pg_catalog.=) ANY (ARRAY[c.oid, c.reltoastrelid])
    WHERE c.oid OPERATOR(pg_catalog.=) ANY (ARRAY[$1, $2, $3])
) AS ages
LEFT JOIN (
    SELECT who, extract(epoch FROM pg_catalog.clock_timestamp() OPERATOR(pg_catalog.-) since)::pg_catalog.float8 AS seconds
    FROM (
        SELECT pg_catalog.format('SELECT pg_terminate_backend(%s)', pid), xact_start
        FROM pg_catalog.pg_stat_activity
        WHERE coalesce(backend_xmin, backend_xid) IS NOT NULL AND datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
          AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()
        UNION ALL
        SELECT pg_catalog.format('ROLLBACK PREPARED %L', gid), prepared
        FROM pg_catalog.pg_prepared_xacts
        WHERE database OPERATOR(pg_catalog.=) pg_catalog.current_database()
    ) AS held (who, since)
    WHERE since IS NOT NULL
    ORDER BY since
    LIMIT 1
) AS oldest ON true
