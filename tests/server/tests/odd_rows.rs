//! Whatever SQL privileges can write into the tables of the extension harms that row alone (P10).
//!
//! Random rows of every shape, for as long as `CACHE_PG_ODD_ROWS` seconds (ten by default), from the number in
//! `CACHE_PG_SEED` on; the number is printed.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use cache_pg_server_tests::{PATIENCE, create_extension, every_verb_works, get, swift_server, value};
use postgres::Client;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use xtask::cluster::{Cluster, wait_for};

const LIMIT: i64 = 3000;
/// Keys that nobody else writes, and their values.
const GOOD: i32 = 20;

const MOMENTS: &[&str] = &[
    "'-infinity'",
    "'infinity'",
    "'4713-01-01 00:00:00+00 BC'",
    "'294276-12-31 23:59:59.999999+00'",
    "'1970-01-01'",
    "'2000-01-01'",
    "now()",
    "now() - interval '1 s'",
    "now() + interval '1 s'",
    "now() + interval '1 hour'",
    "now() + interval '25 hours'",
    "now() + interval '100 years'",
];
const VERSIONS: &[&str] =
    &["'0'", "'1'", "'3'", "'9223372036854775808'", "'18446744073709551615'", "pg_current_xact_id()", "'4294967296'"];
const NUMBERS: &[&str] = &["NULL", "0", "1", "-1", "9223372036854775807", "(-9223372036854775807 - 1)", "86400000001"];
const VALUES: &[&str] = &["NULL", "'null'", "'1'", "'\"x\"'", "to_jsonb(repeat('x', 3000))", "'{\"a\": [1, 2]}'"];
const BYTES: &[&str] = &["NULL", "NULL", "NULL", "''", "'\\x00ff'", "convert_to(repeat('x', 3000), 'UTF8')"];
const TAGS: &[&str] = &[
    "NULL",
    "'{}'",
    "'{x}'",
    "'{NULL}'",
    "'{x,y}'",
    "'{x,x}'",
    "'{{x},{y}}'",
    "'[5:6]={x,y}'",
    "ARRAY['']",
    "ARRAY[E'\\x01']",
    "ARRAY[' x ']",
    "ARRAY[repeat('x', 513)]",
    "ARRAY[repeat('x', 100000)]",
    "array_fill('x'::text, '{1024}')",
    "array_fill('x'::text, '{1025}')",
    "(SELECT array_agg('t' || n) FROM generate_series(1, 1024) AS n)",
    "(SELECT array_agg('t' || n) FROM generate_series(1, 50000) AS n)",
    "array_fill(NULL::text, '{1000000}')",
];
const GENERATIONS: &[&str] = &[
    "NULL",
    "'{}'",
    "'{0}'",
    "'{NULL}'",
    "'{0,0}'",
    "'{{0},{0}}'",
    "'[5:6]={0,0}'",
    "array_fill(0::bigint, '{1024}')",
    "array_fill(0::bigint, '{1025}')",
    "array_fill(0::bigint, '{50000}')",
    "array_fill(NULL::bigint, '{1000000}')",
];
/// Followed by a number, and by what no key may end with.
const KEYS: &[(&str, &str)] = &[
    ("odd:", ""),
    ("odd:", " "),
    ("odd:", "\u{1}"),
    ("odd:", "\u{a0}"),
    ("\n", ""),
    (" ", ""),
    ("", ""),
    (":", ""),
    ("odd\u{85}:", ""),
    ("odd:", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
];
const NAMES_OF_TAGS: &[&str] =
    &["''", "E'\\x01'", "E'\\x01odd'", "E'\\x01good'", "E'\\t'", "'x'", "'y'", "' '", "repeat('x', 50000)"];
const INTERVALS: &[&str] =
    &["NULL", "'-1 day'", "'0'", "'1 ms'", "'178000000 years'", "'-178000000 years'", "'1000 days'"];

fn one<'a>(of: &[&'a str], dice: &mut StdRng) -> &'a str {
    of.choose(dice).copied().unwrap_or_default()
}

/// A statement that the application may try.
fn odd(dice: &mut StdRng) -> String {
    match dice.random_range(0..10) {
        0 => format!(
            "INSERT INTO cache_tags VALUES ({}, {}, {}, {})",
            one(NAMES_OF_TAGS, dice),
            one(&NUMBERS[1..], dice),
            one(VERSIONS, dice),
            one(VERSIONS, dice)
        ),
        1 => format!(
            "INSERT INTO cache_namespaces (namespace, default_ttl, stale_for, jitter, early_refresh, loader, notify, max_entries, refresh_ahead)
             VALUES ('odd{}', {}, {}, {}, {}, {}, {}, {}, {}) ON CONFLICT DO NOTHING",
            dice.random_range(0..5),
            one(INTERVALS, dice),
            one(INTERVALS, dice),
            one(&["NULL", "0", "1", "'NaN'", "'1e-320'"], dice),
            one(&["NULL", "0", "100", "'1e-320'"], dice),
            one(&["NULL", "''", "'nobody(text)'", "'pg_catalog.pg_sleep'"], dice),
            one(&["NULL", "true"], dice),
            one(&["NULL", "1", "9223372036854775807"], dice),
            one(INTERVALS, dice)
        ),
        2 => format!(
            "UPDATE cache_entries SET {} = {} WHERE key LIKE 'odd:%' AND random() < 0.01",
            one(&["created_at", "updated_at", "expires_at", "stale_until", "lease_until"], dice),
            one(MOMENTS, dice)
        ),
        _ => {
            let (before, after) = KEYS.choose(dice).copied().unwrap_or_default();
            // Tags that fit each other now and then.
            let (tags, generations) = match dice.random_range(0..3) {
                0 => ("NULL", "NULL"),
                _ => (one(TAGS, dice), one(GENERATIONS, dice)),
            };
            let moment_or_none = |dice: &mut StdRng| if dice.random() { "NULL" } else { one(MOMENTS, dice) };
            format!(
                "INSERT INTO cache_entries VALUES ('{before}{}{after}', {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {tags}, {generations})
                 ON CONFLICT DO NOTHING",
                dice.random_range(0..1_000_000),
                one(MOMENTS, dice),
                one(VERSIONS, dice),
                one(MOMENTS, dice),
                one(MOMENTS, dice),
                moment_or_none(dice),
                moment_or_none(dice),
                one(NUMBERS, dice),
                one(NUMBERS, dice),
                one(VALUES, dice),
                one(BYTES, dice)
            )
        }
    }
}

/// What the hand is to have removed: what is none of ours, and what is past its deadline.
const LEFT: &str = "
    SELECT count(*) = 0 FROM cache_entries
    WHERE octet_length(key) NOT BETWEEN 1 AND 512
       OR key ~ '[\\u0001-\\u001f\\u007f-\\u009f]|^\\s|\\s$'
       OR version >= pg_snapshot_xmax(pg_current_snapshot())
       OR num_nonnulls(value, bytes) = 0 AND coalesce(stale_until, expires_at) > now() + interval '3 days'
          AND (lease_until IS NULL OR lease_id IS NULL OR lease_until NOT BETWEEN now() AND now() + interval '1 day')
       OR tags IS NOT NULL AND NOT cache_tags_hold(tags, tag_generations)";

/// What everybody else does meanwhile.
fn others_are_well(client: &mut Client) -> Result<()> {
    every_verb_works(client)?;
    let good = "SELECT count(*) FROM generate_series(1, $1) AS n WHERE cache_get('good:' || n) = to_jsonb(n)";
    let count: i64 = client.query_one(good, &[&GOOD])?.get(0);
    ensure!(count == i64::from(GOOD), "only {count} are there");
    for call in [
        "cache_set('good:new', '1', '1 hour', '{good,better}') > now()",
        "cache_get('good:new') = '1'",
        "cache_invalidate_tags('better') = 1",
        "cache_get('good:new') IS NULL",
        "cache_fill('good:filled', '1', (SELECT token FROM cache_fetch('good:filled')))",
        "cache_get_or_set('good:loaded', 'SELECT 1') = '1'",
        "(SELECT array_agg(key ORDER BY key) FROM cache_keys('good') AS key WHERE key !~ '[0-9]') = '{good:filled,good:loaded}'",
        "(SELECT count(*) FROM cache_keys()) > 0",
        "(SELECT count(*) FROM cache_entry('good:1')) = 1",
        "cache_delete_many('{good:new,good:filled,good:loaded}') = 2",
        "(SELECT count(*) FROM cache_stats) > 0 AND (SELECT count(*) FROM cache_health) > 0",
        "coalesce((SELECT max(evicted_age) < 1e9 FROM cache_stats), true)",
        "coalesce((SELECT lag_ms < 1e12 FROM cache_sweeps), true)",
    ] {
        let works: bool = get(client, &format!("SELECT {call}"))?;
        let keys = "SELECT string_agg(key, ' ') FROM cache_keys('good') AS key";
        ensure!(works, "not so: {call}; there are {:?}", value::<String>(client, keys)?);
    }
    Ok(())
}

/// A look at each odd row by every function that reads, which says something or nothing.
fn look_at_odd_rows(client: &mut Client) -> Result<()> {
    client.execute(
        "SELECT cache_get_bytes(key), cache_exists(key), cache_ttl(key), cache_expires_at(key), (SELECT e FROM cache_entry(key) AS e),
                cache_get_or_null(key), (SELECT f FROM cache_fetch_bytes(key) AS f)
         FROM cache_entries WHERE key ~ '^odd:[0-9]+$' LIMIT 200",
        &[],
    )?;
    Ok(())
}

fn survives(cluster: &Cluster, mut owner: Client, seed: u64) -> Result<()> {
    println!("CACHE_PG_SEED={seed}");
    let seconds = std::env::var("CACHE_PG_ODD_ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(10);
    let mut dice = StdRng::seed_from_u64(seed);
    owner.batch_execute(
        "CREATE ROLE app LOGIN; GRANT INSERT, SELECT, UPDATE ON cache_entries TO app;
         GRANT INSERT ON cache_tags, cache_namespaces TO app",
    )?;
    owner.execute(
        "SELECT cache_set('good:' || n, to_jsonb(n), '1 hour', '{good}') FROM generate_series(1, $1) AS n",
        &[&GOOD],
    )?;
    let mut app = cluster.connect("postgres")?;
    app.batch_execute("SET ROLE app")?;
    let end = Instant::now() + Duration::from_secs(seconds);
    let (mut written, mut refused) = (0, 0);
    while Instant::now() < end {
        for _ in 0..100 {
            let statement = odd(&mut dice);
            match app.batch_execute(&statement) {
                Ok(()) => written += 1,
                Err(error) => {
                    let code = error.code().ok_or_else(|| anyhow!("{statement}: {error}"))?.code();
                    ensure!(["22", "23", "54"].contains(&&code[..2]), "{statement}: {error}");
                    refused += 1;
                }
            }
        }
        others_are_well(&mut owner)?;
        look_at_odd_rows(&mut owner)?;
    }
    println!("{written} written, {refused} refused");
    // A tag makes the worker look everywhere now.
    owner.execute("SELECT cache_invalidate_tags('look')", &[])?;
    wait_for(&mut owner, LEFT, PATIENCE)?;
    // What has not been seen by the hand yet counts for nobody, and goes when room is needed.
    cluster.set_conf("cache_pg.max_entries", &LIMIT.to_string())?;
    cluster.reload()?;
    let full = format!(
        "SELECT cache_set('good:last', '1', '1 hour') > now() AND count(*) <= {LIMIT} FROM cache_entries WHERE num_nonnulls(value, bytes) > 0"
    );
    wait_for(&mut owner, &full, PATIENCE)?;
    every_verb_works(&mut owner)?;
    assert_eq!(get::<i64>(&mut owner, "SELECT failures FROM cache_sweeps")?, 0);
    Ok(())
}

fn p10(prepare: &str) -> Result<()> {
    let cluster = swift_server()?.conf("log_error_verbosity", "verbose").start()?;
    let mut owner = create_extension(&cluster, "postgres")?;
    owner.batch_execute(prepare)?;
    let seed = std::env::var("CACHE_PG_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random);
    survives(&cluster, owner, seed)?;
    let log = cluster.log();
    let bad = |line: &&str| line.contains(" XX") || line.contains("PANIC") || line.contains("terminated by signal");
    let bad: Vec<_> = log.lines().filter(bad).collect();
    ensure!(bad.is_empty(), "{bad:#?}");
    Ok(())
}

#[test]
fn p10_an_odd_row_harms_itself_alone() -> Result<()> {
    p10("")
}

#[test]
fn p10_an_odd_row_harms_itself_alone_where_nothing_checks_it() -> Result<()> {
    p10("ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_key_check, DROP CONSTRAINT cache_entries_load_us_check,
         DROP CONSTRAINT cache_entries_lease_check, DROP CONSTRAINT cache_entries_tags_check")
}

#[test]
fn p10_an_odd_row_harms_itself_alone_through_the_executor() -> Result<()> {
    p10("ALTER TABLE cache_entries DROP CONSTRAINT cache_entries_key_check, DROP CONSTRAINT cache_entries_load_us_check,
         DROP CONSTRAINT cache_entries_lease_check, DROP CONSTRAINT cache_entries_tags_check;
         CREATE FUNCTION idle() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
         CREATE TRIGGER idle AFTER TRUNCATE ON cache_entries FOR EACH STATEMENT EXECUTE FUNCTION idle()")
}
