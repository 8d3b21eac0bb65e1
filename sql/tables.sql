-- The tables of the cache. DESIGN.md, "The row", says why each column and option is as it is.

CREATE TABLE @extschema@.cache_entries (
    key          text COLLATE "C" NOT NULL CHECK (
        pg_catalog.octet_length(key) OPERATOR(pg_catalog.>=) 1 AND pg_catalog.octet_length(key) OPERATOR(pg_catalog.<=) 512),
    created_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    version      xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    updated_at   timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    expires_at   timestamptz NOT NULL,
    stale_until  timestamptz,
    lease_until  timestamptz,
    lease_id     bigint,
    value        jsonb,
    tags         text[],
    tag_versions xid8[],
    PRIMARY KEY (key)
) WITH (
    fillfactor = 80,                            -- room for the next version of a row on its own page (HOT)
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_threshold = -1,    -- rows do not live long enough to be worth freezing
    autovacuum_vacuum_cost_delay = 0,
    autovacuum_analyze_scale_factor = 0.5,
    vacuum_truncate = off,                      -- no exclusive lock to give back space that is needed again
    toast.autovacuum_vacuum_scale_factor = 0.02,
    toast.autovacuum_vacuum_cost_delay = 0,
    toast.vacuum_truncate = off
);

COMMENT ON TABLE @extschema@.cache_entries IS
    'The entries of the cache. An entry is live while value is not SQL NULL and expires_at has not come. Grants and policies on this table rule every function.';
COMMENT ON COLUMN @extschema@.cache_entries.key IS '1 to 512 bytes; what stands before the first ":" is the namespace';
COMMENT ON COLUMN @extschema@.cache_entries.created_at IS 'since when the key has been live without a gap; of a deleted entry: when what was deleted had been created, -infinity where nothing was';
COMMENT ON COLUMN @extschema@.cache_entries.version IS 'the transaction that last wrote the value, or deleted it';
COMMENT ON COLUMN @extschema@.cache_entries.updated_at IS 'when the value was last written, or deleted';
COMMENT ON COLUMN @extschema@.cache_entries.expires_at IS 'the deadline: from then on the entry is never returned';
COMMENT ON COLUMN @extschema@.cache_entries.stale_until IS 'until when the row is kept after its deadline; NULL: not at all';
COMMENT ON COLUMN @extschema@.cache_entries.lease_until IS 'until when one caller may compute a new value';
COMMENT ON COLUMN @extschema@.cache_entries.lease_id IS 'who may';
COMMENT ON COLUMN @extschema@.cache_entries.value IS 'the value; SQL NULL: deleted (JSON null is a value)';
COMMENT ON COLUMN @extschema@.cache_entries.tags IS 'labels, to find or to invalidate entries by';
COMMENT ON COLUMN @extschema@.cache_entries.tag_versions IS 'the version of each tag when the value was written';

-- The bounds are those of a namespace that some key could have, and of what cache_configure accepts.
CREATE TABLE @extschema@.cache_namespaces (
    namespace      text COLLATE "C" PRIMARY KEY CHECK (
        pg_catalog.octet_length(namespace) OPERATOR(pg_catalog.<) 512 AND pg_catalog.strpos(namespace, ':') OPERATOR(pg_catalog.=) 0),
    default_ttl    interval,
    stale_for      interval,
    jitter         double precision CHECK (jitter OPERATOR(pg_catalog.>=) 0 AND jitter OPERATOR(pg_catalog.<=) 1),
    max_value_size integer CHECK (max_value_size OPERATOR(pg_catalog.>) 0)
);

COMMENT ON TABLE @extschema@.cache_namespaces IS 'What cache_configure has set, a row for each namespace; NULL: as for the whole cache. Kept by pg_dump.';
COMMENT ON COLUMN @extschema@.cache_namespaces.namespace IS 'what stands before the first ":" in a key; '''' for keys without one';
COMMENT ON COLUMN @extschema@.cache_namespaces.default_ttl IS 'how long an entry lives that is set without a ttl; NULL: cache_pg.default_ttl';
COMMENT ON COLUMN @extschema@.cache_namespaces.stale_for IS 'how long cache_fetch may still serve an entry after its deadline; NULL: not at all';
COMMENT ON COLUMN @extschema@.cache_namespaces.jitter IS 'the largest share (0 to 1) of its time to live that an entry may lose at random, so that entries set together do not expire together; NULL: 0';
COMMENT ON COLUMN @extschema@.cache_namespaces.max_value_size IS 'the largest value, in bytes; NULL: cache_pg.max_value_size';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.cache_namespaces', '');
