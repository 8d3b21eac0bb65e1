-- $1 key, $2 delta, $3 the clock, $4 expires_at, $5 stale_until, $6 where an absent entry starts. The sum of an absent entry
-- is a numeric: it may be out of range where a live entry is counted on, which does not need it.
-- A live value that is not an integer becomes SQL NULL here: the caller raises, and nothing of it stays.
INSERT INTO @extschema@.cache_entries AS e
    (key, created_at, version, updated_at, expires_at, stale_until, value)
VALUES ($1, $3, pg_catalog.pg_current_xact_id(), $3, $4, $5,
        pg_catalog.to_jsonb($6::pg_catalog.numeric OPERATOR(pg_catalog.+) $2::pg_catalog.numeric))
ON CONFLICT (key) DO UPDATE SET
    (created_at, version, updated_at, expires_at, stale_until, lease_until, lease_id, load_us, value, bytes, tags, tag_generations) = (
        SELECT
            CASE WHEN live THEN e.created_at ELSE excluded.created_at END,
            excluded.version,
            excluded.updated_at,
            CASE WHEN live THEN e.expires_at ELSE excluded.expires_at END,
            CASE WHEN live THEN e.stale_until ELSE excluded.stale_until END,
            NULL::pg_catalog.timestamptz,
            NULL::pg_catalog.int8,
            NULL::pg_catalog.int8,
            CASE
                WHEN NOT live THEN excluded.value
                WHEN pg_catalog.jsonb_typeof(e.value) OPERATOR(pg_catalog.=) 'number'
                 AND e.value::pg_catalog.numeric
                     OPERATOR(pg_catalog.=) pg_catalog.trunc(e.value::pg_catalog.numeric)
                THEN pg_catalog.to_jsonb(e.value::pg_catalog.int8 OPERATOR(pg_catalog.+) $2)
            END,
            NULL::pg_catalog.bytea,
            CASE WHEN live THEN e.tags END,
            CASE WHEN live THEN e.tag_generations END
        FROM (SELECT @live(pg_catalog.clock_timestamp())) AS state (live)
    )
RETURNING value::pg_catalog.int8
