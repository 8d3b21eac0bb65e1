-- A ttl given as text, for drivers that cannot send an interval: '10 minutes', or '600' (seconds).
-- The planner inlines these, so they cost nothing. cache_try_set has its own: a malformed text must not raise.

CREATE FUNCTION @extschema@.cache_set(key text, value jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_set(key, value, ttl::pg_catalog.interval, tags);

CREATE FUNCTION @extschema@.cache_add(key text, value jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_add(key, value, ttl::pg_catalog.interval, tags);

CREATE FUNCTION @extschema@.cache_replace(key text, value jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_replace(key, value, ttl::pg_catalog.interval, tags);

CREATE FUNCTION @extschema@.cache_cas(key text, value jsonb, version xid8, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_cas(key, value, version, ttl::pg_catalog.interval, tags);

CREATE FUNCTION @extschema@.cache_touch(key text, ttl text) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_touch(key, ttl::pg_catalog.interval);

CREATE FUNCTION @extschema@.cache_incr(key text, delta bigint, ttl text) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_incr(key, delta, ttl::pg_catalog.interval);

CREATE FUNCTION @extschema@.cache_set_many(entries jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_set_many(entries, ttl::pg_catalog.interval, tags);

CREATE FUNCTION @extschema@.cache_fill(key text, value jsonb, token text, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_fill(key, value, token, ttl::pg_catalog.interval, tags);

CREATE FUNCTION @extschema@.cache_get_or_set(key text, query text, ttl text, tags text[] DEFAULT NULL, args text[] DEFAULT NULL)
    RETURNS jsonb
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN @extschema@.cache_get_or_set(key, query, ttl::pg_catalog.interval, tags, args);
