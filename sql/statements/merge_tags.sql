-- Merges the rows that transactions have added for a tag at the same time. The exclusive or over them stays, so entries
-- notice nothing; the version is that of now, so a value that was computed before is refused.
WITH several AS MATERIALIZED (
    SELECT t.ctid AS place
    FROM @extschema@.cache_tags AS t
    WHERE t.tag OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT tag FROM @extschema@.cache_tags GROUP BY tag HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1))
    FOR UPDATE SKIP LOCKED
), gone AS (
    DELETE FROM @extschema@.cache_tags AS t
    USING several
    WHERE t.ctid OPERATOR(pg_catalog.=) several.place
    RETURNING t.tag, t.generation
)
INSERT INTO @extschema@.cache_tags (tag, generation, version)
SELECT tag, pg_catalog.bit_xor(generation), pg_catalog.pg_current_xact_id()
FROM gone
GROUP BY tag
