-- No cache at all: every read goes to the source. It is here to be acquitted.
CREATE OR REPLACE FUNCTION cache_get(key text) RETURNS jsonb STABLE
    LANGUAGE sql AS 'SELECT load($1)';

CREATE OR REPLACE FUNCTION cache_get_many(keys text[]) RETURNS TABLE (key text, value jsonb) STABLE
    LANGUAGE sql AS 'SELECT key, cache_get(key) FROM unnest($1) AS key';

CREATE OR REPLACE FUNCTION cache_take(key text) RETURNS jsonb
    LANGUAGE sql AS 'SELECT cache_get($1)';
