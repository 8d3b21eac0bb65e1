-- $1 namespace, $2 default_ttl, $3 stale_for, $4 jitter, $5 max_value_size: only what is given changes
INSERT INTO @extschema@.cache_namespaces AS n (namespace, default_ttl, stale_for, jitter, max_value_size)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (namespace) DO UPDATE SET
    default_ttl = coalesce(excluded.default_ttl, n.default_ttl),
    stale_for = coalesce(excluded.stale_for, n.stale_for),
    jitter = coalesce(excluded.jitter, n.jitter),
    max_value_size = coalesce(excluded.max_value_size, n.max_value_size)
