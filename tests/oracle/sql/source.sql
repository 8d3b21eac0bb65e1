-- What is cached: rows with versions that only grow. The cache of either mode is beside it, under the same names.
-- Row n is at id n, its home, or at n + 100, away. Every change finds it at home or leaves it there, so a watch that
-- names the id names row n each time, but sometimes in nothing but a DELETE, or nothing but an INSERT.
CREATE TABLE source (id integer PRIMARY KEY, version bigint NOT NULL) WITH (fillfactor = 20);
CREATE VIEW source_rows AS SELECT id % 100 AS row, version FROM source;

-- The loader of the namespaces that have one. The nap comes after the snapshot.
CREATE FUNCTION load(key text) RETURNS jsonb STABLE
    LANGUAGE sql AS $$
        WITH nap AS MATERIALIZED (SELECT pg_sleep(CASE WHEN random() < 0.3 THEN 0.02 ELSE 0 END))
        SELECT jsonb_object_agg(row, version) FROM source_rows, nap
        WHERE split_part($1, ':', 2)::int = CASE split_part($1, ':', 1) WHEN 'page' THEN row / 3 ELSE row END
    $$;
