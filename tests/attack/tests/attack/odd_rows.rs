//! Rows that plain SQL can write, each of which harms itself alone.

use anyhow::{Result, ensure};
use cache_pg_attack_tests::{Scene, run};
use cache_pg_server_tests::{PATIENCE, get};
use postgres::Client;
use xtask::cluster::{poll, wait_for};

/// What a role with INSERT and UPDATE on the three tables may write: columns and values for the key `odd:<n>`.
const ENTRIES: [(&str, &str); 38] = [
    ("tags, tag_generations", "'{x}', '{NULL}'"),
    ("tags, tag_generations", "'{NULL}', '{1}'"),
    ("tags, tag_generations", "'{x}', NULL"),
    ("tags, tag_generations", "NULL, '{1}'"),
    ("tags, tag_generations", "'{x,y}', '{1}'"),
    ("tags, tag_generations", "'{x}', '{1,2}'"),
    ("tags, tag_generations", "'{}', '{}'"),
    ("tags, tag_generations", "'{{x,y},{z,w}}', '{{1,2},{3,4}}'"),
    ("tags, tag_generations", "'[5:6]={x,y}', '[0:1]={1,2}'"),
    ("tags, tag_generations", "'{\"\"}', '{0}'"),
    ("tags, tag_generations", "ARRAY[E'\\x01odd'], '{0}'"),
    ("tags, tag_generations", "ARRAY[repeat('x', 10000)], '{0}'"),
    ("tags, tag_generations", "array_fill('x'::text, '{20000}'), array_fill(0, '{20000}')"),
    ("tags, tag_generations", "array_fill(NULL::text, '{2000}'), array_fill(0, '{2000}')"),
    ("lease_until", "'infinity'"),
    ("lease_until, lease_id", "'infinity', 1"),
    ("lease_until, lease_id", "'-infinity', 1"),
    ("lease_until, lease_id", "now() + interval '10 years', -9223372036854775808"),
    ("lease_id", "9223372036854775807"),
    ("lease_until", "now()"),
    ("version", "'9223372036854775808'"),
    ("version", "'18446744073709551615'"),
    ("version", "'0'"),
    ("version", "pg_snapshot_xmax(pg_current_snapshot())::text::numeric + 1000000"),
    ("created_at", "'infinity'"),
    ("created_at", "'-infinity'"),
    ("created_at", "'294276-12-31'"),
    ("created_at", "'4713-01-01 BC'"),
    ("updated_at", "'infinity'"),
    ("updated_at", "'-infinity'"),
    ("updated_at", "'294276-12-31'"),
    ("stale_until", "'infinity'"),
    ("stale_until", "'-infinity'"),
    ("load_us", "-9223372036854775808"),
    ("load_us", "9223372036854775807"),
    ("value", "NULL"),
    ("value", "(SELECT jsonb_agg(repeat('x', 100)) FROM generate_series(1, 50000))"),
    ("value, stale_until, lease_until, lease_id", "NULL, 'infinity', 'infinity', 1"),
];

/// The same for the other columns, with deadlines near and far.
const DEADLINES: [&str; 5] =
    ["now() + interval '1 hour'", "now() - interval '1 hour'", "'infinity'", "'-infinity'", "'294276-12-31'"];

fn scene(name: &str) -> Result<(Scene, Client)> {
    let mut scene = Scene::new(name)?;
    let app =
        scene.role("app", "GRANT SELECT, INSERT, UPDATE ON cache_entries, cache_tags, cache_namespaces TO {role}")?;
    Ok((scene, app))
}

fn write_odd_entries(app: &mut Client) -> Result<usize> {
    let mut written = 0;
    for (row, (columns, values)) in ENTRIES.into_iter().enumerate() {
        for (number, deadline) in DEADLINES.into_iter().enumerate() {
            let has_value = columns.split(", ").any(|column| column == "value");
            let (column, value) = if has_value { ("", "") } else { (", value", ", '1'") };
            let values = if columns == "version" { format!("({values})::text::xid8") } else { values.to_owned() };
            let insert = format!(
                "INSERT INTO cache_entries (key, expires_at, {columns}{column})
                 VALUES ('odd:{row}:{number}', {deadline}, {values}{value})"
            );
            // Refused by a constraint is as good.
            let outcome = run(app, &insert)?;
            ensure!(
                outcome.is_ok() || outcome == Err("23514".to_owned()) || outcome == Err("23502".to_owned()),
                "{insert}: {outcome:?}"
            );
            written += usize::from(outcome.is_ok());
        }
    }
    Ok(written)
}

/// Every verb on other keys, by the owner and by a role with the privileges of an application.
fn works_beside(client: &mut Client, namespace: &str) -> Result<()> {
    for (call, expected) in [
        ("cache_set('{ns}:a', '1', '1 hour', '{good}') > now()", "t"),
        ("cache_get('{ns}:a')", "1"),
        ("cache_get('odd:0:0') IS NULL OR true", "t"),
        ("(cache_entry('{ns}:a')).value", "1"),
        ("(SELECT count(*) FROM cache_entry('odd:24:0')) < 2", "t"),
        ("cache_ttl('{ns}:a') > '0'", "t"),
        ("(SELECT count(cache_ttl(key)) >= 0 AND count(cache_expires_at(key)) >= 0 FROM cache_entries)", "t"),
        ("(SELECT count(*) > 0 FROM cache_keys())", "t"),
        ("(SELECT count(*) = 1 FROM cache_keys('{ns}'))", "t"),
        ("(SELECT count(*) >= 0 FROM cache_keys('odd'))", "t"),
        ("(SELECT count(*) >= 1 FROM cache_get_many((SELECT array_agg(key) FROM cache_entries)))", "t"),
        ("(SELECT count(*) >= 0 FROM cache_entries WHERE cache_tags_hold(tags, tag_generations))", "t"),
        ("cache_incr('{ns}:n') > 0", "t"),
        ("cache_take('{ns}:n') IS NOT NULL", "t"),
        ("cache_set_many('{\"{ns}:b\": 1, \"{ns}:c\": 2}')", "2"),
        ("cache_touch('{ns}:b', '1 hour')", "t"),
        ("cache_get_or_set('{ns}:d', 'SELECT 4')", "4"),
        ("cache_get('{ns}:d')", "4"),
        ("(SELECT value IS NULL AND token IS NOT NULL FROM cache_fetch('{ns}:e'))", "t"),
        ("cache_invalidate_tags('good')", "1"),
        ("cache_get('{ns}:a') IS NULL", "t"),
        ("cache_delete('{ns}:b')", "t"),
        ("cache_delete_many('{{ns}:c,{ns}:d}')", "2"),
        ("cache_set('{ns}:z', '1') > now()", "t"),
        ("cache_clear('{ns}')", "1"),
        ("cache_sweep(100) >= 0", "t"),
    ] {
        let call = call.replace("{ns}", namespace);
        let outcome = run(client, &format!("SELECT {call}"))?;
        assert_eq!(outcome, Ok(Some(expected.to_owned())), "{call}");
    }
    Ok(())
}

#[test]
fn an_odd_entry_stops_nobody_and_outlives_nothing() -> Result<()> {
    let (mut scene, mut app) = scene("odd_entries")?;
    let mut user = scene.role("user", cache_pg_attack_tests::DML)?;
    let written = write_odd_entries(&mut app)?;
    assert!(written > 50, "only {written} rows were accepted");
    works_beside(&mut scene.owner, "o")?;
    works_beside(&mut user, "u")?;
    // Whoever may delete, can: each of them, and all together.
    write_odd_entries(&mut app).ok();
    let owner = &mut scene.owner;
    for call in [
        "SELECT count(cache_delete(key)) FROM cache_entries WHERE key LIKE 'odd:%0'",
        "SELECT count(cache_set(key, '1')) FROM cache_entries WHERE key LIKE 'odd:%1'",
        "SELECT count(cache_get_or_set(key, 'SELECT 1')) FROM cache_entries WHERE key LIKE 'odd:%2'",
        "SELECT count(token) FROM cache_entries, cache_fetch(key) WHERE key LIKE 'odd:%3'",
        "SELECT count(cache_take(key)) FROM cache_entries WHERE key LIKE 'odd:%4'",
        "SELECT cache_clear('odd')",
        "SELECT cache_clear()",
    ] {
        let outcome = run(owner, call)?;
        assert!(outcome.is_ok(), "{call}: {outcome:?}");
    }
    scene.unharmed()
}

#[test]
fn an_odd_entry_keeps_no_sweeper_from_its_work_and_no_watched_table_from_being_written() -> Result<()> {
    let (mut scene, mut app) = scene("odd_swept")?;
    scene.owner.batch_execute(
        "CREATE TABLE menu (id int); SELECT cache_watch('menu', ARRAY['odd:0:{id}'], ARRAY['x', 'y'])",
    )?;
    write_odd_entries(&mut app)?;
    for change in [
        "INSERT INTO menu SELECT generate_series(0, 4)",
        "UPDATE menu SET id = id + 10",
        "DELETE FROM menu",
        "TRUNCATE menu",
    ] {
        scene.owner.batch_execute(change)?;
    }
    scene
        .owner
        .batch_execute("SELECT cache_set('due:' || n, '1', '1 millisecond') FROM generate_series(1, 100) AS n")?;
    wait_for(&mut scene.owner, "SELECT count(*) = 0 FROM cache_entries WHERE key LIKE 'due:%'", PATIENCE)?;
    let failing = "SELECT coalesce(string_agg(\"check\" || ' ' || status || ': ' || value, '; '), '')
                   FROM cache_health WHERE status <> 'ok' AND \"check\" ~ 'sweep|worker'";
    if let Ok(Ok(Some(failing))) = run(&mut scene.owner, failing) {
        assert_eq!(failing, "");
    }
    scene.unharmed()
}

#[test]
fn no_odd_entry_crowds_out_others() -> Result<()> {
    let (mut scene, mut app) = scene("odd_crowd")?;
    scene.owner.batch_execute("SELECT cache_configure('full', max_entries => 200)")?;
    for columns in [
        ("lease_until, lease_id", "'infinity', 1"),
        ("updated_at", "'infinity'"),
        ("created_at, updated_at", "'294276-12-31', '294276-12-31'"),
        ("stale_until", "'infinity'"),
        ("version", "'9223372036854775808'"),
    ] {
        let (columns, values) = columns;
        run(
            &mut app,
            &format!(
                "INSERT INTO cache_entries (key, expires_at, value, {columns})
                 SELECT 'full:squat' || random(), 'infinity', '1', {values} FROM generate_series(1, 150)"
            ),
        )?
        .ok();
    }
    let squatters = "SELECT count(*) < 200 FROM cache_entries WHERE key LIKE 'full:squat%'";
    for round in 0..10 {
        scene.owner.batch_execute(&format!(
            "SELECT cache_set('full:{round}:' || n, '1', '1 hour') FROM generate_series(1, 100) AS n"
        ))?;
    }
    poll(PATIENCE, "the limit to hold", || {
        // What plain SQL has written is counted by a turn of the hand.
        scene.wake()?;
        scene.get("SELECT count(*) <= 220 FROM cache_entries WHERE key LIKE 'full:%'")
    })?;
    assert!(get::<bool>(&mut scene.owner, squatters)?);
    let honest =
        "SELECT count(*) > 20 FROM cache_keys('full', max_keys => 1000) AS key WHERE key NOT LIKE 'full:squat%'";
    assert!(get::<bool>(&mut scene.owner, honest)?, "the squatters have all places");
    scene.unharmed()
}

#[test]
fn an_odd_tag_refuses_no_fill_and_hides_no_entry() -> Result<()> {
    let (mut scene, mut app) = scene("odd_tags")?;
    scene.owner.batch_execute("SELECT cache_set('o:tagged', '1', '1 hour', '{mine}')")?;
    for (tag, version) in [
        ("''", "'9223372036854775808'"),
        ("''", "'18446744073709551615'"),
        ("E'\\x01o'", "'9223372036854775808'"),
        ("E'\\x01u'", "'18446744073709551615'"),
        ("'x'", "'9223372036854775808'"),
        ("E'\\x02'", "'3'"),
        ("E'\\x01'", "'3'"),
        ("repeat('x', 2000)", "'3'"),
        ("'a:' || chr(127)", "'0'"),
        ("'good'", "'18446744073709551615'"),
    ] {
        let insert = format!("INSERT INTO cache_tags (tag, generation, version) VALUES ({tag}, 0, {version})");
        run(&mut app, &insert)?.ok();
    }
    let mut user = scene.role("user", cache_pg_attack_tests::DML)?;
    assert_eq!(run(&mut user, "SELECT cache_get('o:tagged')")?, Ok(Some("1".to_owned())));
    for namespace in ["o2", "u"] {
        works_beside(&mut user, namespace)?;
    }
    let filled = "SELECT cache_fill('u:fill', '1', (SELECT token FROM cache_fetch('u:fill')))";
    assert_eq!(run(&mut user, filled)?, Ok(Some("t".to_owned())));
    scene.unharmed()
}

#[test]
fn an_odd_namespace_gives_no_entry_an_odd_life() -> Result<()> {
    let (mut scene, mut app) = scene("odd_namespaces")?;
    for (number, (column, value)) in [
        ("default_ttl", "'-1 day'"),
        ("default_ttl", "'0'"),
        ("default_ttl", "'178000000 years'"),
        ("default_ttl", "'-178000000 years'"),
        ("default_ttl", "'1 month -40 days'"),
        ("stale_for", "'-1 day'"),
        ("stale_for", "'178000000 years'"),
        ("jitter", "'NaN'"),
        ("jitter", "1"),
        ("early_refresh", "'NaN'"),
        ("early_refresh", "100"),
        ("loader", "'no such(text)'"),
        ("loader", "''"),
        ("loader", "repeat('x', 100000)"),
        ("max_value_size", "2147483647"),
        ("max_entries", "9223372036854775807"),
        ("max_size", "9223372036854775807"),
        ("max_size", "1"),
        ("refresh_ahead", "'-1 day'"),
        ("refresh_ahead", "'178000000 years'"),
        ("refresh_ahead", "'1 month -40 days'"),
    ]
    .into_iter()
    .enumerate()
    {
        let insert = format!("INSERT INTO cache_namespaces (namespace, {column}) VALUES ('n{number}', {value})");
        if run(&mut app, &insert)?.is_err() {
            continue;
        }
        let mut user = scene.cluster.connect(scene.name())?;
        let set = run(&mut user, &format!("SELECT cache_set('n{number}:a', '1')"))?;
        assert!(set.is_ok() || column == "max_size", "{column} {value}: {set:?}");
        let deadline = format!("SELECT expires_at <= now() + '31 days' FROM cache_entries WHERE key = 'n{number}:a'");
        let bounded = run(&mut user, &deadline)?;
        assert!(
            matches!(bounded.as_ref().map(Option::as_deref), Ok(Some("t") | None)),
            "{column} {value}: {bounded:?}"
        );
        assert!(run(&mut user, &format!("SELECT * FROM cache_fetch('n{number}:b')"))?.is_ok(), "{column} {value}");
        works_beside(&mut user, &format!("beside{number}"))?;
    }
    scene.unharmed()
}
