-- What watched tables need: the triggers' function, what follows from commands that change tables, and a view.

CREATE FUNCTION @extschema@.cache_watch_trigger() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_watch_trigger_wrapper';
COMMENT ON FUNCTION @extschema@.cache_watch_trigger() IS 'trigger on watched tables: deletes keys and invalidates tags; made by cache_watch';

CREATE FUNCTION @extschema@.cache_watch_ddl() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cache_watch_ddl_wrapper';
COMMENT ON FUNCTION @extschema@.cache_watch_ddl() IS 'event triggers: watch tables that come below watched ones, and keep columns that templates name';

REVOKE ALL ON FUNCTION
    @extschema@.cache_watch(regclass, text[], text[]),
    @extschema@.cache_unwatch(regclass),
    @extschema@.cache_watch_trigger(),
    @extschema@.cache_watch_ddl()
FROM PUBLIC;

COMMENT ON FUNCTION @extschema@.cache_watch(regclass, text[], text[]) IS 'from now on a change of a row of the table deletes the keys and invalidates the tags that its columns make of the templates';
COMMENT ON FUNCTION @extschema@.cache_unwatch(regclass) IS 'watches a table no more; whether it was watched';

-- Of a tree of tables, the one that was named; none whose trigger was not made by cache_watch.
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
COMMENT ON FUNCTION @extschema@.cache_watch_templates(bytea) IS 'what a trigger was told, from its tgargs; no row where cache_watch has not made it: for the view cache_watches';
COMMENT ON VIEW @extschema@.cache_watches IS 'The tables that are watched, and for what.';

-- For every command, whatever its tag: ALTER VIEW renames a column of a table, and ALTER TYPE those of typed tables; a
-- column goes with its type, with the schema, extension or role of that, or with what a generated one is made by.
CREATE EVENT TRIGGER cache_pg_watch ON ddl_command_end EXECUTE FUNCTION @extschema@.cache_watch_ddl();
ALTER EVENT TRIGGER cache_pg_watch ENABLE ALWAYS;
CREATE EVENT TRIGGER cache_pg_watch_drop ON sql_drop EXECUTE FUNCTION @extschema@.cache_watch_ddl();
ALTER EVENT TRIGGER cache_pg_watch_drop ENABLE ALWAYS;
