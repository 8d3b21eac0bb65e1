-- tags_hold
-- $1 tags, $2 their generations: whether they are the same in the rows that the caller may see
SELECT pg_catalog.cardinality($1) OPERATOR(pg_catalog.=) pg_catalog.cardinality($2) AND NOT EXISTS (
    SELECT FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2)) AS carried (tag, generation)
    WHERE carried.tag IS NULL OR (carried.generation OPERATOR(pg_catalog.=) coalesce((
        SELECT pg_catalog.bit_xor(t.generation)
        FROM @extschema@.cache_tags AS t
        WHERE t.tag OPERATOR(pg_catalog.=) carried.tag), 0)) IS NOT TRUE)
