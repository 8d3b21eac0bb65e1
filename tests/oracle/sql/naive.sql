-- The cache that people write by hand, under the names of the extension's functions: the transaction that changes the
-- source deletes, a miss loads, and the loader upserts. It is here to be caught.
CREATE TABLE naive (key text PRIMARY KEY, value jsonb NOT NULL, tags text[], expires_at timestamptz NOT NULL);
CREATE VIEW cache_entries AS SELECT key FROM naive;

CREATE FUNCTION cache_configure(namespace text, stale_for interval, loader regprocedure) RETURNS void
    LANGUAGE sql AS '';

CREATE FUNCTION cache_get(key text) RETURNS jsonb STABLE
    LANGUAGE sql AS 'SELECT value FROM naive WHERE key = $1 AND expires_at > clock_timestamp()';

CREATE FUNCTION cache_get_or_null(key text) RETURNS jsonb STABLE
    LANGUAGE sql AS 'SELECT cache_get($1)';

CREATE FUNCTION cache_get_many(keys text[]) RETURNS TABLE (key text, value jsonb) STABLE
    LANGUAGE sql AS 'SELECT key, value FROM naive WHERE key = ANY ($1) AND expires_at > clock_timestamp()';

CREATE FUNCTION cache_set(key text, value jsonb, ttl interval DEFAULT '1 minute', tags text[] DEFAULT NULL,
                          expires_at timestamptz DEFAULT NULL)
    RETURNS timestamptz
    LANGUAGE sql AS $$
        INSERT INTO naive VALUES ($1, $2, $4, coalesce($5, clock_timestamp() + $3))
        ON CONFLICT (key) DO UPDATE
        SET value = excluded.value, tags = excluded.tags, expires_at = excluded.expires_at
        RETURNING expires_at
    $$;

CREATE FUNCTION cache_set_many(entries jsonb, ttl interval) RETURNS bigint
    LANGUAGE sql AS 'SELECT count(cache_set(key, value, $2)) FROM jsonb_each($1)';

CREATE FUNCTION cache_touch(key text, ttl interval DEFAULT '1 minute', expires_at timestamptz DEFAULT NULL) RETURNS boolean
    LANGUAGE sql AS $$
        WITH touched AS (
            UPDATE naive AS n SET expires_at = coalesce($3, clock_timestamp() + $2)
            WHERE n.key = $1 AND n.expires_at > clock_timestamp()
            RETURNING n.key)
        SELECT count(*) > 0 FROM touched
    $$;

CREATE FUNCTION cache_take(key text) RETURNS jsonb
    LANGUAGE sql AS 'DELETE FROM naive WHERE key = $1 RETURNING value';

CREATE FUNCTION cache_delete(key text) RETURNS boolean
    LANGUAGE sql AS 'SELECT cache_take($1) IS NOT NULL';

CREATE FUNCTION cache_delete_many(keys text[]) RETURNS bigint
    LANGUAGE sql AS 'SELECT count(cache_take(key)) FROM unnest($1) AS key';

CREATE FUNCTION cache_clear(namespace text, prefix text) RETURNS bigint
    LANGUAGE sql AS $$
        SELECT count(cache_take(key)) FROM naive
        WHERE ($1 IS NULL OR starts_with(key, $1 || ':')) AND starts_with(key, coalesce($2, ''))
    $$;

CREATE FUNCTION cache_invalidate_tags(VARIADIC tags text[]) RETURNS bigint
    LANGUAGE sql AS 'SELECT count(cache_take(key)) FROM naive WHERE tags && $1';

CREATE FUNCTION cache_fetch(key text, wait interval, OUT found boolean, OUT value jsonb, OUT stale boolean, OUT token text)
    LANGUAGE sql AS $$
        SELECT value IS NOT NULL, value, false, CASE WHEN value IS NULL THEN 'anybody' END
        FROM cache_get($1) AS value
    $$;

CREATE FUNCTION cache_fill(key text, value jsonb, token text, ttl interval, tags text[]) RETURNS boolean
    LANGUAGE sql AS 'SELECT cache_set($1, $2, $4, $5) IS NOT NULL';

CREATE FUNCTION cache_release(key text, token text) RETURNS boolean
    LANGUAGE sql AS 'SELECT true';

CREATE FUNCTION cache_get_or_set(key text, query text, ttl interval, tags text[], args text[]) RETURNS jsonb
    LANGUAGE plpgsql AS $$
    DECLARE
        value jsonb := cache_get(key);
    BEGIN
        IF value IS NULL THEN
            IF query IS NULL THEN
                value := load(key);
            ELSE
                EXECUTE query INTO value USING args[1], args[2];
            END IF;
            PERFORM cache_set(key, value, ttl, tags);
        END IF;
        RETURN value;
    END
    $$;

CREATE FUNCTION cache_sweep(batch_size integer) RETURNS integer
    LANGUAGE sql AS $$
        WITH swept AS (
            DELETE FROM naive WHERE key IN (
                SELECT key FROM naive WHERE expires_at <= clock_timestamp() LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING key)
        SELECT count(*)::int FROM swept
    $$;
