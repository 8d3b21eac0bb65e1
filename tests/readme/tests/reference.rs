//! The tables of the README, held against a server: functions, settings, errors; and its links.

use std::collections::BTreeSet;

use cache_pg_readme_tests::{readme, table};
use postgres::Client;
use xtask::cluster::Cluster;
use xtask::postgres as installations;

/// The rows of the one table in a section, without its heading.
fn rows(section: &str) -> Vec<Vec<String>> {
    let readme = readme().unwrap();
    let mut rows = table::rows(table::section(&readme, section).unwrap());
    assert!(rows.len() > 1, "the section {section} has no table");
    rows.remove(0);
    rows
}

fn server() -> (Cluster, Client) {
    let cluster = Cluster::start_new(&installations::under_test().unwrap()).unwrap();
    let mut client = cluster.connect("postgres").unwrap();
    client.batch_execute("CREATE EXTENSION cache_pg").unwrap();
    (cluster, client)
}

/// A type as the README writes it: `TABLE(key text, value jsonb)` is `table(key, value)`.
fn short_type(sql: &str) -> String {
    let Some(columns) = sql.strip_prefix("TABLE(").and_then(|rest| rest.strip_suffix(')')) else {
        return sql.replace("timestamp with time zone", "timestamptz").replace("SETOF", "setof");
    };
    let names: Vec<_> = columns.split(", ").filter_map(|column| column.split(' ').next()).collect();
    format!("table({})", names.join(", "))
}

#[test]
fn every_function_is_listed_with_its_arguments_and_its_type() {
    let (_cluster, mut client) = server();
    // A function that takes its ttl as text too, in SQL, is listed once.
    let query = "
        SELECT proname || '(' || coalesce(string_agg(
                   CASE WHEN position > pronargs - pronargdefaults THEN '[' || name || ']' ELSE name END,
                   ', ' ORDER BY position), '') || ')',
               pg_get_function_result(p.oid)
        FROM pg_depend AS d
        JOIN pg_proc AS p ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
        LEFT JOIN LATERAL unnest(p.proargnames[:p.pronargs]) WITH ORDINALITY AS argument (name, position) ON true
        WHERE d.deptype = 'e' AND d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'cache_pg')
          AND prorettype <> 'trigger'::regtype AND prolang <> (SELECT oid FROM pg_language WHERE lanname = 'sql')
        GROUP BY p.oid";
    let exist: BTreeSet<(String, String)> =
        client.query(query, &[]).unwrap().iter().map(|row| (row.get(0), short_type(row.get(1)))).collect();
    let listed: BTreeSet<(String, String)> =
        rows("Functions").iter().map(|row| (table::code(&row[0])[0].to_owned(), row[1].clone())).collect();
    let differing: Vec<_> = exist.symmetric_difference(&listed).collect();
    // cache_try_set is there twice: its ttl as text has no default.
    let text_try_set = ("cache_try_set(key, value, ttl, [tags])".to_owned(), "boolean".to_owned());
    assert_eq!(differing, [&text_try_set]);
}

#[test]
fn every_setting_is_listed_with_its_default_its_range_and_its_context() {
    let (_cluster, mut client) = server();
    let query = "
        SELECT name, current_setting(name), coalesce(min_val || ' to ' || concat_ws(' ', max_val, unit), 'on, off'),
               context
        FROM pg_settings WHERE name LIKE 'cache\\_pg.%'";
    let exist: BTreeSet<Vec<String>> =
        client.query(query, &[]).unwrap().iter().map(|row| (0..4).map(|cell| row.get(cell)).collect()).collect();
    let listed: BTreeSet<Vec<String>> = rows("Settings")
        .iter()
        .map(|row| [table::code(&row[0])[0].to_owned()].into_iter().chain(row[1..4].iter().cloned()).collect())
        .collect();
    assert_eq!(listed, exist);
}

#[test]
fn every_error_is_raised_by_its_example() {
    let (_cluster, mut client) = server();
    let mut tried = 0;
    for row in rows("Errors") {
        let Some(&example) = table::code(&row[3]).first() else { continue };
        let mut transaction = client.transaction().unwrap();
        let error = transaction.batch_execute(example).unwrap_err();
        let raised = error.as_db_error().unwrap();
        assert_eq!(raised.code().code(), table::code(&row[0])[0], "{example}: {error}");
        transaction.rollback().unwrap();
        tried += 1;
    }
    assert!(tried > 10, "only {tried} rows have an example");
}

#[test]
fn what_is_said_without_preloading_is_what_create_extension_says() {
    let cluster = Cluster::builder(&installations::under_test().unwrap()).preload(false).start().unwrap();
    let psql = cluster.psql_command("postgres").args(["-c", "CREATE EXTENSION cache_pg"]).output().unwrap();
    let said = String::from_utf8(psql.stderr).unwrap();
    let warning = said.lines().find(|line| line.starts_with("WARNING:")).unwrap();
    let schedule = &said[said.find("SELECT cron.schedule").unwrap()..];
    let readme = readme().unwrap();
    assert!(readme.contains(warning), "{warning}");
    assert!(readme.contains(schedule.trim()), "{schedule}");
}

#[test]
fn links_lead_somewhere() {
    let readme = readme().unwrap();
    let anchors: BTreeSet<String> = readme
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase())
        .map(|title| title.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c)).collect::<String>())
        .map(|title| title.replace(' ', "-"))
        .collect();
    let mut seen = 0;
    for target in readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let found = match target.strip_prefix('#') {
            Some(anchor) => anchors.contains(anchor),
            None => target.starts_with("https://") || xtask::paths::project().join(target).is_file(),
        };
        assert!(found, "{target} leads nowhere");
        seen += 1;
    }
    assert!(seen > 10);
}
