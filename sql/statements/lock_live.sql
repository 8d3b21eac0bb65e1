-- $1 key: its live value, which no other transaction can change from now on
SELECT value, bytes
FROM @extschema@.cache_entries AS e
WHERE key OPERATOR(pg_catalog.=) $1
  AND @live(pg_catalog.clock_timestamp())
FOR UPDATE
