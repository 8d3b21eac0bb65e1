-- The tables of the cache. DESIGN.md, "The row", says why each column and option is as it is.

CREATE TABLE @extschema@.cache_entries (
    key             text COLLATE pg_catalog."C" NOT NULL CHECK (
        pg_catalog.octet_length(key) OPERATOR(pg_catalog.>=) 1 AND pg_catalog.octet_length(key) OPERATOR(pg_catalog.<=) 512
        AND key OPERATOR(pg_catalog.!~) '[\u0001-\u001f\u007f-\u009f]|^\s|\s$'),
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    version         xid8        NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
    updated_at      timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    expires_at      timestamptz NOT NULL,
    stale_until     timestamptz,
    lease_until     timestamptz,
    lease_id        bigint,
    load_us         bigint CHECK (load_us OPERATOR(pg_catalog.>=) 0 AND load_us OPERATOR(pg_catalog.<=) 86400000000),
    value           jsonb,
    bytes           bytea,
    tags            text[],
    tag_generations bigint[],
    PRIMARY KEY (key),
    -- What plain SQL may write. Other values are harmless all the same: src/entry.rs.
    CONSTRAINT cache_entries_lease_check CHECK (
        (lease_until IS NULL) OPERATOR(pg_catalog.=) (lease_id IS NULL) AND pg_catalog.isfinite(lease_until)),
    CONSTRAINT cache_entries_bytes_check CHECK (value IS NULL OR bytes IS NULL),
    CONSTRAINT cache_entries_tags_check CHECK (
        (tags IS NULL) OPERATOR(pg_catalog.=) (tag_generations IS NULL)
        AND coalesce(pg_catalog.array_ndims(tags), 1) OPERATOR(pg_catalog.=) 1
        AND coalesce(pg_catalog.array_ndims(tag_generations), 1) OPERATOR(pg_catalog.=) 1
        AND pg_catalog.cardinality(tags) OPERATOR(pg_catalog.=) pg_catalog.cardinality(tag_generations)
        AND pg_catalog.cardinality(tags) OPERATOR(pg_catalog.<=) 1024
        AND pg_catalog.array_position(tags, NULL) IS NULL
        AND pg_catalog.array_position(tag_generations, NULL) IS NULL)
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
    'entries of the cache. An entry is live if value or bytes is not SQL NULL and expires_at is in the future. Grants and policies on this table apply to every function.';
COMMENT ON COLUMN @extschema@.cache_entries.key IS '1 to 512 bytes; the part before the first ":" is the namespace';
COMMENT ON COLUMN @extschema@.cache_entries.created_at IS 'time since which the key has had a live entry without interruption; for a deleted key, the created_at of the deleted entry, or -infinity if there was none';
COMMENT ON COLUMN @extschema@.cache_entries.version IS 'transaction that last wrote or deleted the value';
COMMENT ON COLUMN @extschema@.cache_entries.updated_at IS 'time when the value was last written or deleted';
COMMENT ON COLUMN @extschema@.cache_entries.expires_at IS 'deadline: from then on the entry is never returned; without a value and in the future: the key is in line to be warmed (see cache_warm)';
COMMENT ON COLUMN @extschema@.cache_entries.stale_until IS 'time until which the row is kept after its deadline; NULL: until its deadline';
COMMENT ON COLUMN @extschema@.cache_entries.lease_until IS 'time until which one caller may compute a new value';
COMMENT ON COLUMN @extschema@.cache_entries.lease_id IS 'random number in the token of that caller (see cache_fetch)';
COMMENT ON COLUMN @extschema@.cache_entries.load_us IS 'time that it took to compute the value that cache_fill stored, in microseconds';
COMMENT ON COLUMN @extschema@.cache_entries.value IS 'the value if it is JSON (JSON null is a value); SQL NULL beside bytes that are SQL NULL: deleted';
COMMENT ON COLUMN @extschema@.cache_entries.bytes IS 'the value if it is bytes';
COMMENT ON COLUMN @extschema@.cache_entries.tags IS 'tags of the entry (see cache_invalidate_tags)';
COMMENT ON COLUMN @extschema@.cache_entries.tag_generations IS 'generation of each tag when the value was written; an entry is live while cache_tags has the same generations';

-- One row for each tag that has ever been invalidated; more where transactions invalidated it at the same time. The
-- generation of a tag is the exclusive or over its rows, 0 where there is none. The tag '' stands for everything: its
-- version refuses values that were computed before a clear. Not unique, so that an invalidation never waits.
CREATE TABLE @extschema@.cache_tags (
    tag          text COLLATE pg_catalog."C" NOT NULL,
    generation   bigint NOT NULL,
    version      xid8   NOT NULL,
    unused_since xid8
) WITH (
    fillfactor = 50,                            -- a tag may be invalidated often, and by HOT updates only
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_vacuum_cost_delay = 0,
    vacuum_truncate = off
);
CREATE INDEX cache_tags_tag ON @extschema@.cache_tags (tag);
-- Where changes are published a subscriber must be told which row they are about, and no index here is unique.
ALTER TABLE @extschema@.cache_tags REPLICA IDENTITY FULL;

COMMENT ON TABLE @extschema@.cache_tags IS 'tags that were invalidated. Private to the extension; logged or unlogged as cache_entries.';
COMMENT ON COLUMN @extschema@.cache_tags.generation IS 'random number that every invalidation changes';
COMMENT ON COLUMN @extschema@.cache_tags.version IS 'transaction that last invalidated the tag';
COMMENT ON COLUMN @extschema@.cache_tags.unused_since IS 'first transaction that started after no entry had the tag any more; NULL: some entry may have it';

-- The bounds are those of a namespace that some key could have, and of what cache_configure accepts.
CREATE TABLE @extschema@.cache_namespaces (
    namespace      text COLLATE pg_catalog."C" PRIMARY KEY CHECK (
        pg_catalog.octet_length(namespace) OPERATOR(pg_catalog.<) 512 AND pg_catalog.strpos(namespace, ':') OPERATOR(pg_catalog.=) 0),
    default_ttl    interval CHECK (default_ttl OPERATOR(pg_catalog.>) '0'::pg_catalog.interval),
    stale_for      interval CHECK (stale_for OPERATOR(pg_catalog.>=) '0'::pg_catalog.interval),
    jitter         double precision CHECK (jitter OPERATOR(pg_catalog.>=) 0 AND jitter OPERATOR(pg_catalog.<=) 1),
    max_value_size integer CHECK (max_value_size OPERATOR(pg_catalog.>) 0),
    early_refresh  double precision CHECK (early_refresh OPERATOR(pg_catalog.>=) 0 AND early_refresh OPERATOR(pg_catalog.<=) 100),
    loader         text,
    notify         boolean,
    max_entries    bigint CHECK (max_entries OPERATOR(pg_catalog.>) 0),
    max_size       bigint CHECK (max_size OPERATOR(pg_catalog.>) 0),
    loader_owner   oid,
    refresh_ahead  interval CHECK (refresh_ahead OPERATOR(pg_catalog.>=) '0'::pg_catalog.interval),
    warm           text
);

COMMENT ON TABLE @extschema@.cache_namespaces IS 'options set by cache_configure, one row for each namespace; NULL: as for the whole cache. Dumped by pg_dump.';
COMMENT ON COLUMN @extschema@.cache_namespaces.namespace IS 'part of the key before the first ":"; '''' for keys without ":"';
COMMENT ON COLUMN @extschema@.cache_namespaces.default_ttl IS 'time to live of entries that are set without a ttl; NULL: cache_pg.default_ttl';
COMMENT ON COLUMN @extschema@.cache_namespaces.stale_for IS 'time after the deadline in which cache_fetch may still return an entry; NULL: none';
COMMENT ON COLUMN @extschema@.cache_namespaces.jitter IS 'largest share (0 to 1) of its time to live that an entry loses at random, so that entries set together do not expire together; NULL: 0';
COMMENT ON COLUMN @extschema@.cache_namespaces.max_value_size IS 'maximum size of a value in bytes; NULL: cache_pg.max_value_size';

COMMENT ON COLUMN @extschema@.cache_namespaces.early_refresh IS 'how early cache_fetch lets one caller compute a new value before the deadline: the beta of XFetch, usually 1; NULL: never';
COMMENT ON COLUMN @extschema@.cache_namespaces.loader IS 'function that computes a missing value for cache_get_or_set: takes the key and returns jsonb';
COMMENT ON COLUMN @extschema@.cache_namespaces.loader_owner IS 'owner of that function when it was configured; the loader is not called if its owner has changed; 0: it is never called';

COMMENT ON COLUMN @extschema@.cache_namespaces.notify IS 'whether near caches are notified of changes on the channel cache_pg; NULL: no';

COMMENT ON COLUMN @extschema@.cache_namespaces.max_entries IS 'maximum number of live entries; beyond it the least used are evicted; NULL: no limit of its own';
COMMENT ON COLUMN @extschema@.cache_namespaces.max_size IS 'maximum size of live entries in bytes, with their share of index and TOAST table; NULL: no limit of its own';
COMMENT ON COLUMN @extschema@.cache_namespaces.refresh_ahead IS 'time before the deadline from which on a worker computes entries anew with the loader, if they were read since they were stored; NULL or 0: never';
COMMENT ON COLUMN @extschema@.cache_namespaces.warm IS 'query that lists the keys which should have a value, with or without the namespace; run as the owner of the loader after a start, after a clear, and by cache_warm; NULL or empty: none';

SELECT pg_catalog.pg_extension_config_dump('@extschema@.cache_namespaces', '');
