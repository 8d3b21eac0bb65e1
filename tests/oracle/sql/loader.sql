-- The loader of the namespaces that have one. The nap comes after the snapshot.
CREATE FUNCTION load(key text) RETURNS jsonb STABLE
    LANGUAGE sql AS $$
        WITH nap AS MATERIALIZED (SELECT pg_sleep(CASE WHEN random() < 0.3 THEN 0.02 ELSE 0 END))
        SELECT jsonb_object_agg(row, version) FROM source_rows, nap
        WHERE split_part($1, ':', 2)::int = CASE split_part($1, ':', 1) WHEN 'page' THEN row / 3 ELSE row END
    $$;
