-- Who may do what, and the announcement. Runs after everything else.

-- The extension's tables are private; cache_entries is opened by GRANT (README, "Privileges").
REVOKE ALL ON cache_entries, cache_namespaces FROM PUBLIC;

-- What reads or writes entries is guarded by the privileges on cache_entries. What configures is the owner's.
REVOKE ALL ON FUNCTION
    cache_configure(text, interval, interval, double precision, integer),
    cache_unconfigure(text)
FROM PUBLIC;

-- Every session forgets what it knew about namespaces when one changes, however it was changed.
CREATE FUNCTION cache_namespaces_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_namespaces_changed_wrapper';
REVOKE ALL ON FUNCTION cache_namespaces_changed() FROM PUBLIC;

CREATE TRIGGER cache_namespaces_changed
    AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON cache_namespaces
    FOR EACH STATEMENT EXECUTE FUNCTION cache_namespaces_changed();

-- Wakes the launcher at the commit, or says what is missing. Needed this once.
CREATE FUNCTION cache_announce() RETURNS void
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_announce_wrapper';
SELECT cache_announce();
DROP FUNCTION cache_announce();
