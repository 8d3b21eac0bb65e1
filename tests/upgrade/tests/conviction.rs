//! The comparison of catalogs proves itself: between two made-up releases it accepts the right upgrade script, and
//! convicts every wrong one.
//!
//! Owns the faults that an upgrade script can have. Must never accept a fault that a user could notice.

use anyhow::{Result, ensure};
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
    for (number, (name, ..)) in FAULTS.iter().enumerate() {
        let differs = updated(number + 1)?;
        ensure!(!differs.is_empty(), "a script without {name} is accepted");
        println!("{name}: {} facts", differs.lines().count());
    }
    drop(fixture);
    Ok(())
}
