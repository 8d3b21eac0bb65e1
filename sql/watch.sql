-- The objects of watched tables: the trigger function, the event triggers and a view.

CREATE FUNCTION @extschema@.cache_watch_trigger() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_watch_trigger_wrapper';
COMMENT ON FUNCTION @extschema@.cache_watch_trigger() IS 'trigger on watched tables: deletes keys and invalidates tags; created by cache_watch';

CREATE FUNCTION @extschema@.cache_watch_ddl() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_watch_ddl_wrapper';
COMMENT ON FUNCTION @extschema@.cache_watch_ddl() IS 'event trigger: watches tables that come below watched tables, and keeps the columns that templates name';

REVOKE ALL ON FUNCTION
    @extschema@.cache_watch(regclass, text[], text[]),
    @extschema@.cache_unwatch(regclass),
    @extschema@.cache_watch_trigger(),
    @extschema@.cache_watch_ddl()
FROM PUBLIC;

COMMENT ON FUNCTION @extschema@.cache_watch(regclass, text[], text[]) IS 'from now on, a change of a row of the table deletes the keys and invalidates the tags that the templates give for this row';
COMMENT ON FUNCTION @extschema@.cache_unwatch(regclass) IS 'stops watching a table; returns whether it was watched';

-- Of a tree of tables, the one that cache_watch was called for. A trigger that cache_watch did not create is left out.
CREATE VIEW @extschema@.cache_watches AS
    SELECT t.tgrelid::pg_catalog.regclass AS source, told.keys, told.tags
    FROM pg_catalog.pg_trigger AS t
    CROSS JOIN LATERAL @extschema@.cache_watch_templates(t.tgargs) AS told
    WHERE t.tgfoid OPERATOR(pg_catalog.=) '@extschema@.cache_watch_trigger'::pg_catalog.regproc
      AND t.tgname OPERATOR(pg_catalog.=) 'cache_pg_watch_truncate'
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_inherits AS i
          JOIN pg_catalog.pg_trigger AS p ON p.tgrelid OPERATOR(pg_catalog.=) i.inhparent
          WHERE i.inhrelid OPERATOR(pg_catalog.=) t.tgrelid AND p.tgfoid OPERATOR(pg_catalog.=) t.tgfoid);
REVOKE ALL ON @extschema@.cache_watches FROM PUBLIC;
COMMENT ON FUNCTION @extschema@.cache_watch_templates(bytea) IS 'the templates of a trigger, from its tgargs; no row if cache_watch did not create it; used by the view cache_watches';
COMMENT ON VIEW @extschema@.cache_watches IS 'the watched tables, with their templates';

-- They fire for every command: ALTER VIEW can rename a column of a table, and ALTER TYPE a column of typed tables. A column
-- is dropped with its type, with the schema, extension or owner of its type, or with the function that generates it.
CREATE EVENT TRIGGER cache_pg_watch ON ddl_command_end EXECUTE FUNCTION @extschema@.cache_watch_ddl();
ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS;
CREATE EVENT TRIGGER cache_pg_watch_drop ON sql_drop EXECUTE FUNCTION @extschema@.cache_watch_ddl();
ALTER EVENT TRIGGER cache_pg_watch_drop ENABLE ALWAYS;
