-- A ttl given as text, for drivers that cannot send an interval: '10 minutes', or '600' (seconds).
-- The planner inlines these, so they cost nothing. cache_try_set has its own: a malformed text must not raise.

CREATE FUNCTION cache_set(key text, value jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS timestamptz
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_set(key, value, ttl::interval, tags);

CREATE FUNCTION cache_add(key text, value jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_add(key, value, ttl::interval, tags);

CREATE FUNCTION cache_replace(key text, value jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_replace(key, value, ttl::interval, tags);

CREATE FUNCTION cache_cas(key text, value jsonb, version xid8, ttl text, tags text[] DEFAULT NULL) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_cas(key, value, version, ttl::interval, tags);

CREATE FUNCTION cache_touch(key text, ttl text) RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_touch(key, ttl::interval);

CREATE FUNCTION cache_incr(key text, delta bigint, ttl text) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_incr(key, delta, ttl::interval);

CREATE FUNCTION cache_set_many(entries jsonb, ttl text, tags text[] DEFAULT NULL) RETURNS bigint
    LANGUAGE sql VOLATILE PARALLEL UNSAFE
    RETURN cache_set_many(entries, ttl::interval, tags);
