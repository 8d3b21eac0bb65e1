SELECT namespace, default_ttl, stale_for, jitter, max_value_size FROM @extschema@.cache_namespaces
