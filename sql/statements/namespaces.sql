SELECT namespace, default_ttl, stale_for, jitter, max_value_size, early_refresh, loader, notify, max_entries, max_size, loader_owner FROM @extschema@.cache_namespaces
