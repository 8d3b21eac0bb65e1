-- $1 keys in byte order, $2 values, $3 bytes, $4 expires_at, $5 stale_until, $6 whether the deadlines of live entries
-- stay, $7 tags, $8 the clock, $9 generations of the tags. Without a value and without bytes it writes a tombstone.
INSERT INTO @extschema@.cache_entries AS e
    (key, created_at, version, updated_at, expires_at, stale_until, value, bytes, tags, tag_generations)
SELECT key, CASE WHEN value IS NULL AND bytes IS NULL THEN '-infinity' ELSE $8 END, pg_catalog.pg_current_xact_id(), $8,
       expires_at, stale_until, value, bytes, $7, $9
FROM ROWS FROM (
    pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3), pg_catalog.unnest($4), pg_catalog.unnest($5)
) AS entry (key, value, bytes, expires_at, stale_until)
ON CONFLICT (key) DO UPDATE SET
    (created_at, version, updated_at, expires_at, stale_until, lease_until, lease_id, load_us, value, bytes, tags,
     tag_generations) = (
        SELECT
            CASE WHEN live THEN e.created_at ELSE excluded.created_at END,
            excluded.version,
            excluded.updated_at,
            CASE WHEN live AND keeps THEN e.expires_at ELSE excluded.expires_at END,
            CASE WHEN live AND keeps THEN e.stale_until ELSE excluded.stale_until END,
            NULL::pg_catalog.timestamptz,
            NULL::pg_catalog.int8,
            NULL::pg_catalog.int8,
            excluded.value,
            excluded.bytes,
            excluded.tags,
            excluded.tag_generations
        FROM (SELECT @live(pg_catalog.clock_timestamp()), $6) AS state (live, keeps)
    )
RETURNING expires_at
