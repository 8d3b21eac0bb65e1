//! The comparison of catalogs proves itself: between two made-up releases it accepts the right upgrade script, and
//! convicts every wrong one.
//!
//! Owns the faults that an upgrade script can have. Must never accept a fault that a user could notice.

use anyhow::{Context, Result, ensure};
use cache_pg_upgrade_tests::{Fixture, catalogs, create, difference, edited, present, released_script, update};
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};
use xtask::postgres::under_test;

const OLD: &str = include_str!("../fixtures/extra_of_old.sql");
const NEW: &str = include_str!("../fixtures/extra_of_new.sql");
const RIGHT: &str = include_str!("../fixtures/old--new.sql");
/// The version of the made-up new release.
const TARGET: &str = "0.0.99";

/// A fault: its name, the text of the right script, and what a wrong script has there.
type Fault = (&'static str, &'static str, &'static str);

const FAULTS: &[Fault] = &[
    ("the comment of a table", "COMMENT ON TABLE @extschema@.cache_notes IS 'notes of the new release';", ""),
    ("the comment of a column", "COMMENT ON COLUMN @extschema@.cache_notes.author IS 'person who wrote it';", ""),
    (
        "the comment of a function",
        "twice the number, as the new release says",
        "twice the number, as the old release says",
    ),
    ("a REVOKE", "REVOKE ALL ON FUNCTION @extschema@.cache_noted() FROM PUBLIC;", ""),
    ("a GRANT", "GRANT SELECT ON @extschema@.cache_notes TO pg_monitor;", ""),
    ("the order of columns", "ADD COLUMN author text;", "ADD COLUMN seen_too boolean, ADD COLUMN author text;"),
    (
        "a column number",
        "ADD COLUMN author text;",
        "ADD COLUMN x text, DROP COLUMN IF EXISTS y; ALTER TABLE @extschema@.cache_notes DROP COLUMN x, ADD COLUMN author text;",
    ),
    ("the type of a column", "ADD COLUMN author text;", "ADD COLUMN author varchar;"),
    ("the collation of a column", "ADD COLUMN author text;", "ADD COLUMN author text COLLATE \"C\";"),
    ("a NOT NULL", "ADD COLUMN author text;", "ADD COLUMN author text NOT NULL;"),
    ("a default", "ALTER COLUMN body SET DEFAULT 'none'", "ALTER COLUMN body SET DEFAULT 'nothing'"),
    ("a column of cache_entries", "ALTER TABLE @extschema@.cache_entries ADD COLUMN note text;", ""),
    ("a check", " CONSTRAINT cache_notes_seen_check CHECK (seen IS NOT FALSE)", ""),
    ("the name of a check", "CONSTRAINT cache_notes_seen_check ", "CONSTRAINT cache_notes_check "),
    (
        "whether a check is valid",
        " CONSTRAINT cache_notes_seen_check CHECK (seen IS NOT FALSE)",
        "; ALTER TABLE @extschema@.cache_notes ADD CONSTRAINT cache_notes_seen_check CHECK (seen IS NOT FALSE) NOT VALID",
    ),
    ("an option of a table", "ALTER TABLE @extschema@.cache_notes SET (fillfactor = 90);", ""),
    ("an index", "CREATE INDEX cache_notes_author ON @extschema@.cache_notes (author);", ""),
    ("the columns of an index", "(author);", "(author, id);"),
    ("row security", "ALTER TABLE @extschema@.cache_notes ENABLE ROW LEVEL SECURITY;", ""),
    ("a policy", "CREATE POLICY cache_notes_seen ON @extschema@.cache_notes USING (seen);", ""),
    ("what pg_dump takes", "SELECT pg_catalog.pg_extension_config_dump('@extschema@.cache_notes', '');", ""),
    ("the condition of what pg_dump takes", "'@extschema@.cache_notes', ''", "'@extschema@.cache_notes', 'WHERE seen'"),
    ("volatility", "STABLE PARALLEL SAFE;", "PARALLEL SAFE;"),
    ("parallel safety", "STABLE PARALLEL SAFE;", "STABLE;"),
    ("a setting of a function", "STABLE PARALLEL SAFE;", "STABLE PARALLEL SAFE SET search_path = pg_catalog;"),
    ("a dropped function", "DROP FUNCTION @extschema@.cache_dropped();", ""),
    ("the body of a function", "BEGIN RETURN new; END", "BEGIN RETURN NULL; END"),
    ("a trigger", "BEFORE INSERT ON", "BEFORE INSERT OR UPDATE ON"),
    ("when a trigger fires", "ALTER TABLE @extschema@.cache_notes ENABLE ALWAYS TRIGGER cache_noted;", ""),
    ("a view", "SELECT n.author, n.body FROM", "SELECT n.body, n.author FROM"),
    (
        "an object outside of the extension",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "ALTER EXTENSION cache_pg DROP FUNCTION @extschema@.cache_dropped();\
      DROP FUNCTION @extschema@.cache_dropped(); ALTER EXTENSION cache_pg DROP FUNCTION @extschema@.cache_twice(integer);",
    ),
    (
        "an event trigger",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "DROP FUNCTION @extschema@.cache_dropped(); ALTER EVENT TRIGGER cache_pg_watch ENABLE;",
    ),
    (
        "persistence",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "DROP FUNCTION @extschema@.cache_dropped(); ALTER TABLE @extschema@.cache_notes SET UNLOGGED;",
    ),
    (
        "the identity for replication",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "DROP FUNCTION @extschema@.cache_dropped(); ALTER TABLE @extschema@.cache_tags REPLICA IDENTITY DEFAULT;",
    ),
    (
        "the storage of a column",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "DROP FUNCTION @extschema@.cache_dropped(); ALTER TABLE @extschema@.cache_entries ALTER COLUMN value SET STORAGE EXTERNAL;",
    ),
    (
        "a default privilege",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "DROP FUNCTION @extschema@.cache_dropped(); ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor;",
    ),
    (
        "the statistics target of a column",
        "ALTER TABLE @extschema@.cache_notes ALTER COLUMN author SET STATISTICS 50;",
        "",
    ),
    ("the kinds of extended statistics", "(ndistinct)", "(dependencies)"),
    ("the target of extended statistics", "ALTER STATISTICS @extschema@.cache_notes_both SET STATISTICS 20;", ""),
    ("a label of an enum", "ALTER TYPE @extschema@.cache_mood ADD VALUE 'calm' BEFORE 'glad';", ""),
    ("the order of labels", "'calm' BEFORE 'glad'", "'calm' AFTER 'glad'"),
    ("a REVOKE on a type", "REVOKE ALL ON TYPE @extschema@.cache_mood FROM PUBLIC;", ""),
    ("an attribute of a composite type", "ALTER TYPE @extschema@.cache_pair ADD ATTRIBUTE c text;", ""),
    ("the type of an attribute", "ADD ATTRIBUTE c text;", "ADD ATTRIBUTE c varchar;"),
    ("the default of a domain", "ALTER DOMAIN @extschema@.cache_short SET DEFAULT 'new';", ""),
    ("the NOT NULL of a domain", "ALTER DOMAIN @extschema@.cache_short SET NOT NULL;", ""),
    ("the check of a domain", "OPERATOR(pg_catalog.<) 10", "OPERATOR(pg_catalog.<) 11"),
    ("the increment of a sequence", "ALTER SEQUENCE @extschema@.cache_numbers INCREMENT 10;", ""),
    ("the cache of a sequence", "ALTER SEQUENCE @extschema@.cache_numbers CACHE 5;", ""),
    ("the estimator of restrictions", "RESTRICT = eqsel", "RESTRICT = NONE"),
    ("the estimator of joins", "JOIN = eqjoinsel", "JOIN = NONE"),
    ("the context of a cast", "AS ASSIGNMENT;", "AS IMPLICIT;"),
    (
        "a function that is left behind",
        "DROP FUNCTION @extschema@.cache_dropped();",
        "ALTER EXTENSION cache_pg DROP FUNCTION @extschema@.cache_dropped();",
    ),
];

/// Faults of a script that does more than the right one: the name, and the statement too many. Those that make objects
/// have the extension give them up again, or else the list of its members would be enough.
const ADDITIONS: &[(&str, &str)] = &[
    (
        "a table that is left behind",
        "CREATE TABLE @extschema@.cache_left (a integer); ALTER EXTENSION cache_pg DROP TABLE @extschema@.cache_left",
    ),
    (
        "a type that is left behind",
        "CREATE TYPE @extschema@.cache_left AS ENUM (); ALTER EXTENSION cache_pg DROP TYPE @extschema@.cache_left",
    ),
    ("extended statistics", "CREATE STATISTICS @extschema@.cache_left ON tag, generation FROM @extschema@.cache_tags"),
    ("a grant on the schema", "GRANT CREATE ON SCHEMA @extschema@ TO pg_monitor"),
    ("the comment of the schema", "COMMENT ON SCHEMA @extschema@ IS 'cache'"),
    ("a grant on a row type", "REVOKE ALL ON TYPE @extschema@.cache_tags FROM PUBLIC"),
    ("a publication of a table", "CREATE PUBLICATION cache_changes FOR TABLE @extschema@.cache_notes"),
    ("a publication of all tables", "CREATE PUBLICATION cache_changes FOR ALL TABLES"),
    ("a publication of the schema", "CREATE PUBLICATION cache_changes FOR TABLES IN SCHEMA @extschema@"),
    (
        "a setting of the database",
        "DO $$ BEGIN EXECUTE pg_catalog.format('ALTER DATABASE %I SET cache_pg.default_ttl = 60',
                                               pg_catalog.current_database());
         END $$",
    ),
    (
        "a setting of a role in the database",
        "DO $$ BEGIN EXECUTE pg_catalog.format('ALTER ROLE postgres IN DATABASE %I SET cache_pg.default_ttl = 60',
                                               pg_catalog.current_database()); END $$",
    ),
    ("a row of cache_namespaces", "INSERT INTO @extschema@.cache_namespaces (namespace) VALUES ('left')"),
    (
        "a row of cache_tags",
        "INSERT INTO @extschema@.cache_tags (tag, generation, version)
         VALUES ('left', 0, pg_catalog.pg_current_xact_id())",
    ),
];

/// The made-up old release that the script of a fault updates; 0 is that of the right script.
fn old(number: usize) -> String {
    format!("0.0.{number}")
}

#[test]
fn the_right_script_is_accepted_and_every_wrong_one_is_convicted() -> Result<()> {
    let installation = under_test()?;
    let script = released_script(&installation, &present(&installation)?)?;
    let mut fixture = Fixture::new(&installation).install(TARGET, &format!("{script}{NEW}"))?;
    let wrong = FAULTS.iter().map(|(_, right, wrong)| edited(RIGHT, right, wrong));
    let wrong = wrong.chain(ADDITIONS.iter().map(|(_, statement)| Ok(format!("{RIGHT}{statement};\n"))));
    for (number, upgrade) in std::iter::once(Ok(RIGHT.to_owned())).chain(wrong).enumerate() {
        fixture = fixture.install(&old(number), &format!("{script}{OLD}"))?.upgrade(&old(number), TARGET, &upgrade?)?;
    }
    let cluster =
        Cluster::builder(&installation).conf("cache_pg.max_workers", "0").lifetime(LIFETIME_IN_TESTS).start()?;
    let fresh = catalogs(&mut create(&cluster, "fresh", TARGET)?)?;
    let updated = |number: usize| -> Result<String> {
        let mut client = create(&cluster, &format!("updated_{number}"), &old(number))?;
        ensure!(!difference(&catalogs(&mut client)?, &fresh).is_empty(), "the two releases are the same");
        update(&mut client, TARGET)?;
        Ok(difference(&catalogs(&mut client)?, &fresh))
    };
    let differs = updated(0)?;
    ensure!(differs.is_empty(), "the right script is convicted:\n{differs}");
    let names = FAULTS.iter().map(|(name, ..)| name).chain(ADDITIONS.iter().map(|(name, _)| name));
    let mut accepted = Vec::new();
    for (number, name) in names.enumerate() {
        let differs = updated(number + 1).with_context(|| format!("the script with the fault: {name}"))?;
        println!("{name}: {} facts", differs.lines().count());
        if differs.is_empty() {
            accepted.push(name);
        }
    }
    ensure!(accepted.is_empty(), "scripts with these faults are accepted: {accepted:#?}");
    drop(fixture);
    Ok(())
}
