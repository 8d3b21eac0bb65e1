-- $1 namespace, $2 default_ttl, $3 stale_for, $4 jitter, $5 max_value_size, $6 early_refresh, $7 loader, $8 notify, $9 max_entries,
-- $10 max_size: only what is given changes. A trigger writes down who owns the loader
INSERT INTO @extschema@.cache_namespaces AS n
    (namespace, default_ttl, stale_for, jitter, max_value_size, early_refresh, loader, notify, max_entries, max_size)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (namespace) DO UPDATE SET
    default_ttl = coalesce(excluded.default_ttl, n.default_ttl),
    stale_for = coalesce(excluded.stale_for, n.stale_for),
    jitter = coalesce(excluded.jitter, n.jitter),
    max_value_size = coalesce(excluded.max_value_size, n.max_value_size),
    early_refresh = coalesce(excluded.early_refresh, n.early_refresh),
    loader = coalesce(excluded.loader, n.loader),
    loader_owner = coalesce(excluded.loader_owner, n.loader_owner),
    notify = coalesce(excluded.notify, n.notify),
    max_entries = coalesce(excluded.max_entries, n.max_entries),
    max_size = coalesce(excluded.max_size, n.max_size)
