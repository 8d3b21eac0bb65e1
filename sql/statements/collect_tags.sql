-- Removes tags that no entry carries any more. Which they are is settled in two rounds: a row is marked with the first
-- transaction that has not begun, and goes in a later round, when every transaction before that one has ended. Whoever was
-- storing an entry with an older generation at the mark has a number below it, so the entry is there to be seen by then;
-- whoever began later knows the generation that is there. Rows that somebody holds are passed over.
WITH carried AS MATERIALIZED (
    SELECT DISTINCT tag
    FROM @extschema@.cache_entries, pg_catalog.unnest(tags) AS tag
    WHERE tags IS NOT NULL
), unused AS MATERIALIZED (
    SELECT t.ctid AS place, coalesce(t.unused_since OPERATOR(pg_catalog.<=)
        pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot()), false) AS settled
    FROM @extschema@.cache_tags AS t
    WHERE t.tag OPERATOR(pg_catalog.>=) ' ' COLLATE pg_catalog."C"
      AND NOT EXISTS (SELECT FROM carried WHERE carried.tag OPERATOR(pg_catalog.=) t.tag)
    FOR UPDATE OF t SKIP LOCKED
), marked AS (
    UPDATE @extschema@.cache_tags AS t
    SET unused_since = pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())
    FROM unused
    WHERE t.ctid OPERATOR(pg_catalog.=) unused.place AND NOT unused.settled AND t.unused_since IS NULL
)
DELETE FROM @extschema@.cache_tags AS t
USING unused
WHERE t.ctid OPERATOR(pg_catalog.=) unused.place AND unused.settled
