-- The comments and privileges of functions, the triggers of the tables, and the announcement. Runs last.

COMMENT ON FUNCTION @extschema@.cache_get(text) IS 'returns the value of a live entry; NULL on a miss';
COMMENT ON FUNCTION @extschema@.cache_set(text, jsonb, interval, text[], timestamptz) IS 'creates or replaces an entry; returns its deadline';
COMMENT ON FUNCTION @extschema@.cache_set(text, jsonb, text, text[], timestamptz) IS 'as cache_set, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_set(text, jsonb, double precision, text[], timestamptz) IS 'as cache_set, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_set_bytes(text, bytea, interval, text[], timestamptz) IS 'as cache_set, for bytes';
COMMENT ON FUNCTION @extschema@.cache_set_bytes(text, bytea, text, text[], timestamptz) IS 'as cache_set_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_set_bytes(text, bytea, double precision, text[], timestamptz) IS 'as cache_set_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_try_set(text, jsonb, interval, text[], timestamptz) IS 'as cache_set, but returns true, or false instead of an error; only cancel and shutdown raise';
COMMENT ON FUNCTION @extschema@.cache_try_set(text, jsonb, text, text[], timestamptz) IS 'as cache_try_set, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_try_set(text, jsonb, double precision, text[], timestamptz) IS 'as cache_try_set, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_try_set_bytes(text, bytea, interval, text[], timestamptz) IS 'as cache_try_set, for bytes';
COMMENT ON FUNCTION @extschema@.cache_try_set_bytes(text, bytea, text, text[], timestamptz) IS 'as cache_try_set_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_try_set_bytes(text, bytea, double precision, text[], timestamptz) IS 'as cache_try_set_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_add(text, jsonb, interval, text[], timestamptz) IS 'creates an entry unless the key has a live one; atomic; returns whether it did';
COMMENT ON FUNCTION @extschema@.cache_add(text, jsonb, text, text[], timestamptz) IS 'as cache_add, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_add(text, jsonb, double precision, text[], timestamptz) IS 'as cache_add, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_add_bytes(text, bytea, interval, text[], timestamptz) IS 'as cache_add, for bytes';
COMMENT ON FUNCTION @extschema@.cache_add_bytes(text, bytea, text, text[], timestamptz) IS 'as cache_add_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_add_bytes(text, bytea, double precision, text[], timestamptz) IS 'as cache_add_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_replace(text, jsonb, interval, text[], timestamptz) IS 'replaces an entry if the key has a live one; atomic; returns whether it did';
COMMENT ON FUNCTION @extschema@.cache_replace(text, jsonb, text, text[], timestamptz) IS 'as cache_replace, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_replace(text, jsonb, double precision, text[], timestamptz) IS 'as cache_replace, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_replace_bytes(text, bytea, interval, text[], timestamptz) IS 'as cache_replace, for bytes';
COMMENT ON FUNCTION @extschema@.cache_replace_bytes(text, bytea, text, text[], timestamptz) IS 'as cache_replace_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_replace_bytes(text, bytea, double precision, text[], timestamptz) IS 'as cache_replace_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_cas(text, jsonb, xid8, interval, text[], timestamptz) IS 'replaces an entry if it still has this version (see cache_entry); atomic; returns whether it did';
COMMENT ON FUNCTION @extschema@.cache_cas(text, jsonb, xid8, text, text[], timestamptz) IS 'as cache_cas, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_cas(text, jsonb, xid8, double precision, text[], timestamptz) IS 'as cache_cas, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_cas_bytes(text, bytea, xid8, interval, text[], timestamptz) IS 'as cache_cas, for bytes';
COMMENT ON FUNCTION @extschema@.cache_cas_bytes(text, bytea, xid8, text, text[], timestamptz) IS 'as cache_cas_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_cas_bytes(text, bytea, xid8, double precision, text[], timestamptz) IS 'as cache_cas_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_fill(text, jsonb, text, interval, text[], timestamptz) IS 'stores a value computed under a token unless it could be stale; never waits; returns whether it did';
COMMENT ON FUNCTION @extschema@.cache_fill(text, jsonb, text, text, text[], timestamptz) IS 'as cache_fill, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_fill(text, jsonb, text, double precision, text[], timestamptz) IS 'as cache_fill, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_fill_bytes(text, bytea, text, interval, text[], timestamptz) IS 'as cache_fill, for bytes';
COMMENT ON FUNCTION @extschema@.cache_fill_bytes(text, bytea, text, text, text[], timestamptz) IS 'as cache_fill_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_fill_bytes(text, bytea, text, double precision, text[], timestamptz) IS 'as cache_fill_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_set_many(jsonb, interval, text[]) IS 'sets every key of a JSON object to its value, in key order; returns how many';
COMMENT ON FUNCTION @extschema@.cache_set_many(jsonb, text, text[]) IS 'as cache_set_many, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_set_many(jsonb, double precision, text[]) IS 'as cache_set_many, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_set_many(text, text, text[]) IS 'as cache_set_many, with the object and the ttl as text';
COMMENT ON FUNCTION @extschema@.cache_set_many(text[], jsonb[], interval[], text[]) IS 'sets each key to the value at the same place, in key order, with one ttl for each or one for all; returns how many';
COMMENT ON FUNCTION @extschema@.cache_set_many(text[], jsonb[], text[], text[]) IS 'the same, with the ttls as text';
COMMENT ON FUNCTION @extschema@.cache_set_many(text[], jsonb[], double precision[], text[]) IS 'the same, with the ttls in seconds';
COMMENT ON FUNCTION @extschema@.cache_set_many_bytes(text[], bytea[], interval[], text[]) IS 'sets each key to the value at the same place, in key order, with one ttl for each or one for all; returns how many';
COMMENT ON FUNCTION @extschema@.cache_set_many_bytes(text[], bytea[], text[], text[]) IS 'the same, with the ttls as text';
COMMENT ON FUNCTION @extschema@.cache_set_many_bytes(text[], bytea[], double precision[], text[]) IS 'the same, with the ttls in seconds';
COMMENT ON FUNCTION @extschema@.cache_touch(text, interval, xid8, timestamptz) IS 'sets a new deadline for a live entry, if it has this version; returns whether there was one';
COMMENT ON FUNCTION @extschema@.cache_touch(text, text, xid8, timestamptz) IS 'as cache_touch, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_touch(text, double precision, xid8, timestamptz) IS 'as cache_touch, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_get_and_touch(text, interval) IS 'returns the value of a live entry and sets a new deadline for it; NULL on a miss';
COMMENT ON FUNCTION @extschema@.cache_get_and_touch(text, text) IS 'as cache_get_and_touch, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_get_and_touch(text, double precision) IS 'as cache_get_and_touch, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_get_and_touch_bytes(text, interval) IS 'as cache_get_and_touch, for bytes';
COMMENT ON FUNCTION @extschema@.cache_get_and_touch_bytes(text, text) IS 'as cache_get_and_touch_bytes, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_get_and_touch_bytes(text, double precision) IS 'as cache_get_and_touch_bytes, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_incr(text, bigint, interval, bigint) IS 'adds to an integer and returns the sum; atomic; on a miss it starts at initial with the ttl, or returns NULL if initial is NULL';
COMMENT ON FUNCTION @extschema@.cache_incr(text, bigint, text, bigint) IS 'as cache_incr, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_incr(text, bigint, double precision, bigint) IS 'as cache_incr, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_get_or_set(text, text, interval, text[], text[]) IS 'returns the value, or computes it once with the query or the loader and stores it unless it could be stale';
COMMENT ON FUNCTION @extschema@.cache_get_or_set(text, text, text, text[], text[]) IS 'as cache_get_or_set, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_get_or_set(text, text, double precision, text[], text[]) IS 'as cache_get_or_set, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_lock(text, text, interval) IS 'takes a lock for an owner, or renews it; atomic; returns whether the owner has it';
COMMENT ON FUNCTION @extschema@.cache_lock(text, text, text) IS 'as cache_lock, with the ttl as text: ''10 minutes'', ''600'' (seconds), ''infinity'' or ''keep''';
COMMENT ON FUNCTION @extschema@.cache_lock(text, text, double precision) IS 'as cache_lock, with the ttl in seconds';
COMMENT ON FUNCTION @extschema@.cache_unlock(text, text) IS 'releases a lock if it is this owner''s; returns whether it was';
COMMENT ON FUNCTION @extschema@.cache_lock_owner(text) IS 'returns the owner of a lock; NULL if nobody has it';
COMMENT ON FUNCTION @extschema@.cache_get_bytes(text) IS 'as cache_get, for bytes; of an entry that holds JSON it returns the text';
COMMENT ON FUNCTION @extschema@.cache_get_many_bytes(text[]) IS 'as cache_get_many, for bytes';
COMMENT ON FUNCTION @extschema@.cache_fetch_bytes(text, interval) IS 'as cache_fetch, for bytes';
COMMENT ON FUNCTION @extschema@.cache_take_bytes(text) IS 'as cache_take, for bytes';
COMMENT ON FUNCTION @extschema@.cache_delete(text, xid8) IS 'deletes an entry, if it has this version, and rejects values computed before that; returns whether it was live';
COMMENT ON FUNCTION @extschema@.cache_clear(text, text) IS 'deletes all entries of a namespace, or all entries, whose keys begin with the prefix; returns how many were live';
COMMENT ON FUNCTION @extschema@.cache_keys(text, text, integer, text) IS 'returns live keys of a namespace, or of all, that begin with the prefix, in byte order, one page at a time';
COMMENT ON FUNCTION @extschema@.cache_count(text, text) IS 'returns how many live entries a namespace has, or all have, whose keys begin with the prefix';
COMMENT ON FUNCTION @extschema@.cache_key(text[]) IS 'joins texts with ":" to a key: a valid one as it is, any other with a hash at its end';
COMMENT ON FUNCTION @extschema@.cache_ttl_seconds(text) IS 'returns the remaining seconds of a live entry, Infinity without a deadline; NULL on a miss';
COMMENT ON FUNCTION @extschema@.cache_get_or_null(text) IS 'as cache_get, but returns NULL instead of an error; only cancel and shutdown raise';
COMMENT ON FUNCTION @extschema@.cache_entry(text) IS 'returns the live entry with all its columns; no row on a miss';
COMMENT ON FUNCTION @extschema@.cache_exists(text) IS 'returns whether the key has a live entry';
COMMENT ON FUNCTION @extschema@.cache_ttl(text) IS 'returns the remaining time of a live entry; NULL on a miss';
COMMENT ON FUNCTION @extschema@.cache_expires_at(text) IS 'returns the deadline of a live entry, infinity if it has none; NULL on a miss';
COMMENT ON FUNCTION @extschema@.cache_persist(text) IS 'removes the deadline of a live entry, if cache_pg.max_ttl is 0; returns whether there was one';
COMMENT ON FUNCTION @extschema@.cache_delete_many(text[]) IS 'deletes entries in key order; returns how many were live';
COMMENT ON FUNCTION @extschema@.cache_take(text) IS 'deletes an entry and returns its value; NULL on a miss; atomic';
COMMENT ON FUNCTION @extschema@.cache_get_many(text[]) IS 'returns the live entries of these keys in the given order, without duplicates';
COMMENT ON FUNCTION @extschema@.cache_fetch(text, interval) IS 'returns the value; on a miss, one caller gets a token to store it with, and the others can wait';
COMMENT ON FUNCTION @extschema@.cache_release(text, text) IS 'gives up the lease of a token; returns whether the caller still had it';
COMMENT ON FUNCTION @extschema@.cache_invalidate_tags(text[]) IS 'makes every entry with one of the tags a miss, at constant cost; returns the number of tags';
COMMENT ON FUNCTION @extschema@.cache_tags_hold(text[], bigint[]) IS 'returns whether no tag of an entry has been invalidated since it was written; for queries on cache_entries';
COMMENT ON FUNCTION @extschema@.cache_configure(text, interval, interval, double precision, integer, double precision, regprocedure, boolean, bigint, bigint, interval, text) IS 'creates or changes a namespace; options that are not given stay as they are';
COMMENT ON FUNCTION @extschema@.cache_unconfigure(text) IS 'removes the options of a namespace, but not its entries; returns whether there were any';
COMMENT ON FUNCTION @extschema@.cache_persistence(text) IS 'makes all tables of the cache logged or unlogged, under an exclusive lock; returns which they are';
COMMENT ON FUNCTION @extschema@.cache_warm(text, text[], text) IS 'puts keys of a namespace in line, so that workers load them before anyone asks; returns how many';
COMMENT ON FUNCTION @extschema@.cache_sweep(integer) IS 'removes up to this many expired entries; never waits; returns how many, 0 if there are none';

-- It ends transactions, so it is a procedure.
CREATE PROCEDURE @extschema@.cache_warm_wait(namespace text DEFAULT NULL, timeout interval DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_warm_wait_wrapper';
COMMENT ON PROCEDURE @extschema@.cache_warm_wait(text, interval) IS 'waits until no key of a namespace, or of any, is in line to be warmed; without workers it loads them itself';

-- Roles get privileges on cache_entries by GRANT (docs/operations.md, "Privileges").
REVOKE ALL ON @extschema@.cache_entries, @extschema@.cache_tags, @extschema@.cache_namespaces FROM PUBLIC;

-- The functions that read or write entries check privileges on cache_entries. Only the owner calls those that configure.
REVOKE ALL ON FUNCTION
    @extschema@.cache_configure(text, interval, interval, double precision, integer, double precision, regprocedure, boolean, bigint, bigint, interval, text),
    @extschema@.cache_unconfigure(text),
    @extschema@.cache_persistence(text)
FROM PUBLIC;

-- A trigger counts rows that are written through the executor: by plain SQL, and by functions under policies and other
-- triggers. Below the executor the functions count the rows.
CREATE FUNCTION @extschema@.cache_entries_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_entries_changed_wrapper';
REVOKE ALL ON FUNCTION @extschema@.cache_entries_changed() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.cache_entries_changed() IS 'trigger: counts the rows that no function has written, so that limits apply to them';
CREATE TRIGGER cache_entries_changed
    AFTER INSERT OR UPDATE OR DELETE ON @extschema@.cache_entries
    FOR EACH ROW EXECUTE FUNCTION @extschema@.cache_entries_changed();
ALTER TABLE @extschema@.cache_entries ENABLE ALWAYS TRIGGER cache_entries_changed;

-- After each change of a namespace, by any statement, every session reads the namespaces again.
CREATE FUNCTION @extschema@.cache_namespaces_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_namespaces_changed_wrapper';
REVOKE ALL ON FUNCTION @extschema@.cache_namespaces_changed() FROM PUBLIC;

COMMENT ON FUNCTION @extschema@.cache_namespaces_changed() IS 'trigger: makes every session read the namespaces again';
-- A role that writes the table by plain SQL may name a loader only if it has the rights of the loader's owner.
CREATE FUNCTION @extschema@.cache_namespaces_checked() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_namespaces_checked_wrapper';
REVOKE ALL ON FUNCTION @extschema@.cache_namespaces_checked() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.cache_namespaces_checked() IS 'trigger: checks the loader, and records its owner';
CREATE TRIGGER cache_namespaces_checked
    BEFORE INSERT OR UPDATE ON @extschema@.cache_namespaces
    FOR EACH ROW EXECUTE FUNCTION @extschema@.cache_namespaces_checked();
CREATE TRIGGER cache_namespaces_checked_again
    AFTER INSERT OR UPDATE ON @extschema@.cache_namespaces
    FOR EACH ROW EXECUTE FUNCTION @extschema@.cache_namespaces_checked();
CREATE TRIGGER cache_namespaces_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON @extschema@.cache_namespaces
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.cache_namespaces_changed();

ALTER TABLE @extschema@.cache_namespaces
    ENABLE ALWAYS TRIGGER cache_namespaces_checked,
    ENABLE ALWAYS TRIGGER cache_namespaces_checked_again,
    ENABLE ALWAYS TRIGGER cache_namespaces_changed;

-- Rows of a subscription for the tables of the cache are skipped. The name sorts before those of all other triggers.
CREATE FUNCTION @extschema@.cache_applied_ignored() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_applied_ignored_wrapper';
REVOKE ALL ON FUNCTION @extschema@.cache_applied_ignored() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.cache_applied_ignored() IS 'trigger: ignores rows from logical replication, which mean nothing on this server';
CREATE TRIGGER cache_applied_ignored
    BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.cache_entries
    FOR EACH ROW EXECUTE FUNCTION @extschema@.cache_applied_ignored();
CREATE TRIGGER cache_applied_ignored
    BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.cache_tags
    FOR EACH ROW EXECUTE FUNCTION @extschema@.cache_applied_ignored();
CREATE TRIGGER cache_applied_ignored
    BEFORE INSERT OR UPDATE OR DELETE ON @extschema@.cache_namespaces
    FOR EACH ROW EXECUTE FUNCTION @extschema@.cache_applied_ignored();
ALTER TABLE @extschema@.cache_entries ENABLE REPLICA TRIGGER cache_applied_ignored;
ALTER TABLE @extschema@.cache_tags ENABLE REPLICA TRIGGER cache_applied_ignored;
ALTER TABLE @extschema@.cache_namespaces ENABLE REPLICA TRIGGER cache_applied_ignored;

-- A TRUNCATE of the tags would make invalidated entries live again. So it also deletes all entries.
CREATE FUNCTION @extschema@.cache_tags_truncated() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_tags_truncated_wrapper';
REVOKE ALL ON FUNCTION @extschema@.cache_tags_truncated() FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.cache_tags_truncated() IS 'trigger: deletes all entries, because it is no longer known which were invalidated';
CREATE TRIGGER cache_tags_truncated
    AFTER TRUNCATE ON @extschema@.cache_tags
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.cache_tags_truncated();
ALTER TABLE @extschema@.cache_tags ENABLE ALWAYS TRIGGER cache_tags_truncated;

-- Wakes the launcher at the commit, or warns that the library is not preloaded. Needed only here.
CREATE FUNCTION @extschema@.cache_announce() RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_announce_wrapper';
SELECT @extschema@.cache_announce();
DROP FUNCTION @extschema@.cache_announce();
