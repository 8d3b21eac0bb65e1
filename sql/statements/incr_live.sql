-- $1 key, $2 delta, $3 the clock: nothing where no entry is live
-- A value that is not an integer becomes SQL NULL here: the caller raises, and nothing of it stays.
UPDATE @extschema@.cache_entries AS e
SET version = pg_catalog.pg_current_xact_id(),
    updated_at = $3,
    lease_until = NULL,
    lease_id = NULL,
    load_us = NULL,
    value = CASE
        WHEN pg_catalog.jsonb_typeof(e.value) OPERATOR(pg_catalog.=) 'number'
         AND e.value::pg_catalog.numeric OPERATOR(pg_catalog.=) pg_catalog.trunc(e.value::pg_catalog.numeric)
        THEN pg_catalog.to_jsonb(e.value::pg_catalog.int8 OPERATOR(pg_catalog.+) $2)
    END,
    bytes = NULL
WHERE key OPERATOR(pg_catalog.=) $1
  AND @live(pg_catalog.clock_timestamp())
RETURNING value::pg_catalog.int8
