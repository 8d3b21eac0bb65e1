-- A value that is stored out of line is not written again where it is the same: only its deadline is new.
CREATE VIEW large AS SELECT to_jsonb(string_agg(md5(i::text), '')) AS value FROM generate_series(1, 3000) AS i;
SELECT reltoastrelid::regclass AS toast FROM pg_class WHERE oid = 'cache_entries'::regclass \gset
SELECT cache_set('toast:a', value, '1 minute') IS NOT NULL AS set FROM large;
SELECT array_agg(DISTINCT chunk_id) AS chunks FROM :toast \gset
SELECT cache_set('toast:a', value, '1 hour') IS NOT NULL AS set FROM large;
SELECT cache_touch('toast:a', '2 hours');
SELECT array_agg(DISTINCT chunk_id) = :'chunks'::oid[] AS not_written_again FROM :toast;
SELECT cache_ttl('toast:a') > '1 hour' AS renewed, cache_get('toast:a') = value AS same FROM large;
-- Another value of the same length is.
SELECT cache_set('toast:a', to_jsonb(reverse(value #>> '{}')), '1 hour') IS NOT NULL AS set FROM large;
SELECT array_agg(DISTINCT chunk_id) = :'chunks'::oid[] AS not_written_again FROM :toast;
SELECT cache_get('toast:a') = to_jsonb(reverse(value #>> '{}')) AS other FROM large;
DROP VIEW large;
