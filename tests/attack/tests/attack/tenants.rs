//! What one tenant does to another, each within its policy and its grants.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, ensure};
use cache_pg_attack_tests::{DML, Scene, TENANT_POLICY, everything, run};
use cache_pg_server_tests::{PATIENCE, get, value};
use postgres::Client;
use xtask::cluster::wait_for;

/// A scene with the tenants `<name>_a`, who attacks, and `<name>_b`, each with a connection.
fn tenants(name: &str) -> Result<(Scene, Client, Client)> {
    let mut scene = Scene::new(name)?;
    scene.owner.batch_execute(TENANT_POLICY)?;
    let a = scene.role("a", DML)?;
    let b = scene.role("b", DML)?;
    Ok((scene, a, b))
}

/// How long `work` takes.
fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = Instant::now();
    Ok((work()?, start.elapsed()))
}

#[test]
fn a_tenant_who_may_not_store_a_key_keeps_nobody_waiting_for_it() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("squat")?;
    let key = "squat_b:key";
    let pid: i32 = get(&mut a, "SELECT pg_backend_pid()")?;
    thread::scope(|scope| {
        let squatter =
            scope.spawn(|| run(&mut a, &format!("SELECT cache_get_or_set('{key}', 'SELECT pg_sleep(30)::text')")));
        let sleeps = format!("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {pid}");
        wait_for(&mut scene.owner, &sleeps, PATIENCE)?;
        let (token, took) =
            timed(|| value::<String>(&mut b, &format!("SELECT token FROM cache_fetch('{key}', '5 seconds')")))?;
        assert!(token.is_some(), "the rightful tenant gets no token");
        assert!(took < Duration::from_secs(4), "it waited for {took:?}");
        run(&mut b, &format!("SELECT cache_release('{key}', '{}')", token.unwrap_or_default()))?.ok();
        let (computed, took) = timed(|| run(&mut b, &format!("SELECT cache_get_or_set('{key}', 'SELECT 1')")))?;
        assert_eq!(computed, Ok(Some("1".to_owned())));
        assert!(took < Duration::from_secs(4), "it waited for {took:?}");
        scene.owner.execute("SELECT pg_cancel_backend($1)", &[&pid])?;
        squatter.join().map_err(|_| anyhow!("it panicked"))?
    })?
    .ok();
    assert_eq!(run(&mut b, &format!("SELECT cache_get('{key}')"))?, Ok(Some("1".to_owned())));
    scene.unharmed()
}

#[test]
fn a_tenant_gets_no_token_for_a_key_of_another_and_stores_nothing_there() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("token")?;
    b.batch_execute("SELECT cache_set('token_b:there', '1', '1 hour')")?;
    let granted: String = get(&mut b, "SELECT token FROM cache_fetch('token_b:leased')")?;
    for key in ["token_b:there", "token_b:leased", "token_b:absent"] {
        let token: Option<String> = value(&mut a, &format!("SELECT token FROM cache_fetch('{key}')"))?;
        assert_eq!(token, None, "{key}");
        // A token of the other tenant, overheard, is no right to write.
        let fill = run(&mut a, &format!("SELECT cache_fill('{key}', '666', '{granted}')"))?;
        assert_ne!(fill, Ok(Some("t".to_owned())), "{key}");
        let release = run(&mut a, &format!("SELECT cache_release('{key}', '{granted}')"))?;
        assert_ne!(release, Ok(Some("t".to_owned())), "{key}");
    }
    // It is still worth something to whom it was given.
    assert_eq!(
        run(&mut b, &format!("SELECT cache_fill('token_b:leased', '2', '{granted}')"))?,
        Ok(Some("t".to_owned()))
    );
    scene.unharmed()
}

/// What a call tells, and how long it takes, is the same whether another tenant has the key, a lease on it, or nothing.
#[test]
fn no_call_tells_what_another_tenant_has() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("oracle")?;
    b.batch_execute(
        "SELECT cache_set('oracle_b:there', '1', '1 hour', '{t}'); SELECT cache_fetch('oracle_b:leased');
         SELECT cache_set('oracle_b:gone', '1'); SELECT cache_delete('oracle_b:gone');
         SELECT cache_set('oracle_b:old', '1', '1 millisecond')",
    )?;
    let mut open = scene.connect("b")?;
    open.batch_execute("BEGIN; SELECT cache_set('oracle_b:locked', '1')")?;
    for call in [
        "cache_get('{key}')",
        "cache_get_or_null('{key}')",
        "cache_exists('{key}')",
        "cache_ttl('{key}')",
        "cache_expires_at('{key}')",
        "to_jsonb(array(SELECT cache_entry('{key}')::text))",
        "to_jsonb(array(SELECT cache_get_many(ARRAY['{key}'])::text))",
        "to_jsonb(array(SELECT cache_keys(after => '{key}')))",
        "to_jsonb(array(SELECT f::text FROM cache_fetch('{key}') AS f))",
        "to_jsonb(array(SELECT f::text FROM cache_fetch('{key}', '10 seconds') AS f))",
        "cache_get_or_set('{key}', 'SELECT 1')",
        "cache_take('{key}')",
        "cache_delete('{key}')",
        "cache_delete_many(ARRAY['{key}'])",
        "cache_add('{key}', '1')",
        "cache_replace('{key}', '1')",
        "cache_cas('{key}', '1', '3')",
        "cache_touch('{key}')",
        "cache_incr('{key}')",
        "cache_set('{key}', '1')",
        "cache_try_set('{key}', '1')",
        "cache_set_many(jsonb_build_object('{key}', 1))",
    ] {
        a.batch_execute("SET lock_timeout = '6s'")?;
        // What writes waits for a key that somebody has locked, as an INSERT does, and tells by an error or by "none
        // there" whether one exists. What reads, fetches or computes tells nothing at all.
        let writes = ["add", "replace", "cas", "touch", "incr", "set('", "set_many", "try_set", "take", "delete"];
        let is_write = writes.iter().any(|verb| call.starts_with(&format!("cache_{verb}")));
        let mut told = Vec::new();
        for key in ["absent", "there", "leased", "gone", "old", "locked"] {
            if is_write && key == "locked" {
                continue;
            }
            let sql = format!("SELECT to_jsonb({})", call.replace("{key}", &format!("oracle_b:{key}")));
            let (outcome, took) = timed(|| run(&mut a, &sql))?;
            assert_ne!(outcome, Ok(Some("true".to_owned())), "{call}: {key}");
            told.push((key, outcome, took > Duration::from_secs(5)));
        }
        for (key, outcome, slow) in told.iter().filter(|_| !is_write) {
            assert_eq!((outcome, slow), (&told[0].1, &told[0].2), "{call}: {key}");
        }
    }
    open.batch_execute("ROLLBACK")?;
    scene.unharmed()
}

#[test]
fn a_lock_that_everybody_sees_tells_nothing_of_the_key() -> Result<()> {
    let locks = |name: &str| -> Result<Vec<String>> {
        let (mut scene, _, mut b) = tenants(name)?;
        b.batch_execute("BEGIN")?;
        let pid: i32 = get(&mut b, "SELECT pg_backend_pid()")?;
        let shown = format!(
            "SELECT array_agg(classid || ' ' || objid || ' ' || objsubid ORDER BY 1)
            FROM pg_locks WHERE pid = {pid} AND locktype = 'advisory'"
        );
        thread::scope(|scope| {
            let worker = scope
                .spawn(|| run(&mut b, "SELECT cache_get_or_set(current_user || ':key', 'SELECT pg_sleep(30)::text')"));
            let sleeps = format!("SELECT wait_event = 'PgSleep' FROM pg_stat_activity WHERE pid = {pid}");
            wait_for(&mut scene.owner, &sleeps, PATIENCE)?;
            let found = value::<Vec<String>>(&mut scene.owner, &shown)?.unwrap_or_default();
            scene.owner.execute("SELECT pg_cancel_backend($1)", &[&pid])?;
            worker.join().map_err(|_| anyhow!("it panicked"))??.ok();
            scene.unharmed()?;
            Ok(found)
        })
    };
    // Two servers hold the same key of the same database name by different numbers; here, two databases.
    let (one, other) = (locks("lock_one")?, locks("lock_two")?);
    assert!(one.is_empty() || one != other, "{one:?}");
    Ok(())
}

#[test]
fn no_tenant_clears_or_invalidates_what_is_anothers() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("reach")?;
    b.batch_execute("SELECT cache_set('reach_b:k', '1', '1 hour', '{menu}'), cache_set('reach_b:l', '1', '1 hour')")?;
    let leased: String = get(&mut b, "SELECT token FROM cache_fetch('reach_b:computing')")?;
    for call in [
        "cache_invalidate_tags('menu')",
        "cache_invalidate_tags('')",
        "cache_invalidate_tags(E'\\x01reach_b')",
        "cache_clear()",
        "cache_clear('reach_b')",
        "cache_sweep()",
    ] {
        let outcome = run(&mut a, &format!("SELECT {call}"))?;
        if !call.contains("sweep") {
            assert!(outcome.is_err(), "{call}: {outcome:?}");
        }
        assert_eq!(run(&mut b, "SELECT cache_get('reach_b:k')")?, Ok(Some("1".to_owned())), "{call}");
        assert_eq!(run(&mut b, "SELECT cache_get('reach_b:l')")?, Ok(Some("1".to_owned())), "{call}");
    }
    let told = run(&mut a, "SELECT cache_tags_hold('{menu}', '{0}')")?;
    assert_eq!(told, Err("42501".to_owned()));
    // An entry of one's own may carry any tag, but tells nothing of when somebody else invalidates it to nobody.
    assert_eq!(
        run(&mut b, &format!("SELECT cache_fill('reach_b:computing', '1', '{leased}')"))?,
        Ok(Some("t".to_owned()))
    );
    scene.unharmed()
}

#[test]
fn tags_follow_a_policy_where_the_owner_has_made_one() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("tagged")?;
    scene.owner.batch_execute(
        "ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON cache_tags
             USING (split_part(ltrim(tag, E'\\x01'), ':', 1) = current_user)
             WITH CHECK (split_part(ltrim(tag, E'\\x01'), ':', 1) = current_user);
         GRANT SELECT, INSERT ON cache_tags TO tagged_a, tagged_b",
    )?;
    b.batch_execute("SELECT cache_set('tagged_b:k', '1', '1 hour', '{tagged_b:menu}')")?;
    a.batch_execute("SELECT cache_set('tagged_a:k', '1', '1 hour', '{tagged_a:menu,tagged_b:menu}')")?;
    for call in ["cache_invalidate_tags('tagged_b:menu')", "cache_clear('tagged_b')", "cache_clear()"] {
        assert_eq!(run(&mut a, &format!("SELECT {call}"))?, Err("42501".to_owned()), "{call}");
    }
    assert_eq!(run(&mut b, "SELECT cache_get('tagged_b:k')")?, Ok(Some("1".to_owned())));
    for call in ["cache_invalidate_tags('tagged_a:menu')", "cache_clear('tagged_a')"] {
        let outcome = run(&mut a, &format!("SELECT {call}"))?;
        assert!(outcome.is_ok(), "{call}: {outcome:?}");
        assert_eq!(run(&mut a, "SELECT cache_get('tagged_a:k') IS NULL")?, Ok(Some("t".to_owned())), "{call}");
        a.batch_execute("SELECT cache_set('tagged_a:k', '1', '1 hour', '{tagged_a:menu}')")?;
    }
    // By plain SQL it reaches no further.
    for tag in ["''", "'tagged_b:menu'", "E'\\x01tagged_b'"] {
        let insert =
            format!("INSERT INTO cache_tags (tag, generation, version) VALUES ({tag}, 7, pg_current_xact_id())");
        assert_eq!(run(&mut a, &insert)?, Err("42501".to_owned()), "{tag}");
    }
    scene.unharmed()
}

#[test]
fn a_clear_that_is_left_open_stops_the_fills_of_its_namespace_only() -> Result<()> {
    let mut scene = Scene::new("left_open")?;
    let mut app = scene.role("app", DML)?;
    let mut clearing = scene.connect("app")?;
    clearing.batch_execute("BEGIN; SELECT cache_clear('anything')")?;
    let fill = |app: &mut Client, key: &str| -> Result<Result<Option<String>, String>> {
        let token: String = get(app, &format!("SELECT token FROM cache_fetch('{key}')"))?;
        run(app, &format!("SELECT cache_fill('{key}', '1', '{token}')"))
    };
    assert_eq!(fill(&mut app, "other:a")?, Ok(Some("t".to_owned())));
    assert_eq!(fill(&mut app, "anything:a")?, Ok(Some("f".to_owned())));
    assert_eq!(run(&mut app, "SELECT cache_get_or_set('other:b', 'SELECT 1')")?, Ok(Some("1".to_owned())));
    assert_eq!(run(&mut app, "SELECT cache_get('other:b')")?, Ok(Some("1".to_owned())));
    clearing.batch_execute("ROLLBACK")?;
    scene.unharmed()
}

#[test]
fn a_tenants_writes_are_held_to_the_limit() -> Result<()> {
    let (mut scene, mut a, _) = tenants("bounded")?;
    scene.owner.batch_execute("SELECT cache_configure('bounded_a', max_entries => 200)")?;
    for round in 0..20 {
        a.batch_execute(&format!(
            "SELECT cache_set('bounded_a:{round}:' || n, '1', '1 hour') FROM generate_series(1, 100) AS n"
        ))?;
    }
    // At its own commits, at the latest: no sweeper is waited for.
    let live: i64 =
        scene.get("SELECT count(*) FROM cache_entries WHERE key LIKE 'bounded_a:%' AND value IS NOT NULL")?;
    assert!(live <= 400, "{live} entries under a limit of 200");
    scene.unharmed()
}

#[test]
fn a_transaction_that_is_rolled_back_evicts_nothing() -> Result<()> {
    let mut scene = Scene::new("undone")?;
    scene.owner.batch_execute(
        "SELECT cache_configure('full', max_entries => 2000);
         SELECT cache_set('full:' || n, '1', '1 hour') FROM generate_series(1, 1900) AS n",
    )?;
    let mut app = scene.role("app", DML)?;
    let many =
        "SELECT cache_set_many((SELECT jsonb_object_agg('full:new:' || n, 1) FROM generate_series(1, 5000) AS n))";
    for attempt in [
        format!("BEGIN; {many}; ROLLBACK"),
        format!("BEGIN; SAVEPOINT s; {many}; ROLLBACK TO s; SELECT cache_set('full:one', '1'); COMMIT"),
        "DO $$BEGIN PERFORM cache_set_many((SELECT jsonb_object_agg('full:new:' || n, 1) FROM generate_series(1, 5000) AS n));
                 RAISE EXCEPTION 'no'; EXCEPTION WHEN OTHERS THEN PERFORM cache_set('full:two', '1'); END$$".to_owned(),
        format!("BEGIN; {many}; PREPARE TRANSACTION 'undone'; ROLLBACK PREPARED 'undone'"),
    ] {
        for statement in attempt.split("; ").filter(|_| !attempt.starts_with("DO")).chain(attempt.starts_with("DO").then_some(attempt.as_str())) {
            app.batch_execute(statement)?;
        }
        app.batch_execute("SELECT cache_set('full:after', '1', '1 hour')")?;
        let live: i64 = scene.get("SELECT count(*) FROM cache_entries WHERE key LIKE 'full:%' AND value IS NOT NULL")?;
        assert!(live >= 1800, "{live} of 1900 are left after {attempt}");
    }
    scene.unharmed()
}

#[test]
fn what_is_set_and_deleted_by_sql_again_and_again_evicts_nothing_of_others() -> Result<()> {
    for (name, undo) in [
        ("overstated_by_sql", "DELETE FROM cache_entries WHERE key LIKE 'theirs:%:%'"),
        ("overstated_by_two_phases", "PREPARE TRANSACTION 'p'; ROLLBACK PREPARED 'p'"),
    ] {
        let mut scene = Scene::new(name)?;
        scene.owner.batch_execute(
            "SELECT cache_configure('theirs', max_entries => 2000);
             SELECT cache_set('theirs:' || n, '1', '1 hour') FROM generate_series(1, 1800) AS n",
        )?;
        let mut app = scene.role("app", DML)?;
        for round in 0..20 {
            let set = format!(
                "BEGIN; SELECT cache_set_many((SELECT jsonb_object_agg('theirs:{round}:' || n, 1) FROM generate_series(1, 90) AS n))"
            );
            for statement in set.split("; ").chain(undo.split("; ")).chain(["COMMIT"]) {
                app.batch_execute(statement)?;
            }
            app.batch_execute("SELECT cache_set('theirs:1', '1', '1 hour')")?;
        }
        let live: i64 =
            scene.get("SELECT count(*) FROM cache_entries WHERE key LIKE 'theirs:%' AND value IS NOT NULL")?;
        assert!(live >= 1600, "{live} of 1800 are left after {undo}");
        scene.unharmed()?;
    }
    Ok(())
}

#[test]
fn no_error_quotes_what_is_another_tenants() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("quoting")?;
    b.batch_execute("SELECT cache_set('quoting_b:secret-key', '\"secret-value\"', '1 hour', '{secret-tag}')")?;
    for sql in [
        "SELECT cache_incr('quoting_b:secret-key')",
        "INSERT INTO cache_entries (key, expires_at, value) VALUES ('quoting_b:secret-key', now(), '1')",
        "UPDATE cache_entries SET key = 'quoting_b:secret-key'",
        "SELECT cache_set_many('{\"quoting_a:x\": 1, \"quoting_b:secret-key\": 2}')",
        "SELECT (value ->> 0)::int FROM cache_entries",
        "SELECT (value #>> '{}')::int FROM cache_entries WHERE (value #>> '{}')::int = 1",
        "SELECT key::int FROM cache_keys() AS key",
        "SELECT tags::text::int FROM cache_entries WHERE cache_tags_hold(tags, tag_generations)",
    ] {
        let Err(error) = a.simple_query(sql) else { continue };
        let text = format!("{error:?}");
        ensure!(!text.contains("secret-value") && !text.contains("secret-tag"), "{sql}: {text}");
    }
    scene.unharmed()
}

#[test]
fn nobody_with_insert_takes_the_place_of_other_tenants_by_plain_sql() -> Result<()> {
    let (mut scene, mut a, mut b) = tenants("plain")?;
    b.batch_execute("SELECT cache_set('plain_b:k', '1', '1 hour')")?;
    // Every column of one's own row may be forged; the policy keeps one to one's own keys.
    for sql in [
        "INSERT INTO cache_entries (key, expires_at, value) VALUES ('plain_b:forged', 'infinity', '1')",
        "UPDATE cache_entries SET value = '2' WHERE key = 'plain_b:k'",
        "DELETE FROM cache_entries WHERE key = 'plain_b:k'",
        "INSERT INTO cache_entries (key, expires_at, value, lease_until, lease_id)
         VALUES ('plain_b:k', 'infinity', '1', 'infinity', 1) ON CONFLICT (key) DO UPDATE SET value = '3'",
        "TRUNCATE cache_entries",
        "LOCK TABLE cache_entries IN ACCESS EXCLUSIVE MODE",
        "SELECT * FROM cache_tags",
        "SELECT * FROM cache_namespaces",
    ] {
        run(&mut a, sql)?.ok();
    }
    assert_eq!(run(&mut b, "SELECT cache_get('plain_b:k')")?, Ok(Some("1".to_owned())));
    assert_eq!(scene.get::<i64>("SELECT count(*) FROM cache_entries WHERE key = 'plain_b:forged'")?, 0);
    scene.unharmed()
}

/// A token carries times. One that its holder has changed is none.
#[test]
fn no_forged_token_is_taken() -> Result<()> {
    let mut scene = Scene::new("tokens")?;
    let mut app = scene.role("app", &everything())?;
    let token: String = get(&mut app, "SELECT token FROM cache_fetch('t:k')")?;
    let mut refused = 0;
    for position in 0..token.len() {
        for other in ["0", "1", "f", "A", "_"] {
            let mut forged = token.clone();
            forged.replace_range(position..=position, other);
            if forged.eq_ignore_ascii_case(&token) {
                continue;
            }
            let outcome = run(&mut app, &format!("SELECT cache_fill('t:k', '1', '{forged}')"))?;
            assert_eq!(outcome, Err("22023".to_owned()), "{forged}");
            refused += 1;
        }
    }
    assert!(refused > token.len());
    for forged in ["", "x", "\u{e9}", &token.repeat(1000), &token[1..], &format!("{token}0"), &format!(" {token}")] {
        let outcome = run(&mut app, &format!("SELECT cache_fill('t:k', '1', '{forged}')"))?;
        assert_eq!(outcome, Err("22023".to_owned()), "{forged}");
    }
    // For another key it is not valid, and another role with the same privileges may use it.
    let elsewhere = run(&mut app, &format!("SELECT cache_fill('t:other', '1', '{token}')"))?;
    assert_ne!(elsewhere, Ok(Some("t".to_owned())));
    assert_eq!(run(&mut app, &format!("SELECT cache_fill('t:k', '1', '{token}')"))?, Ok(Some("t".to_owned())));
    let plausible = "SELECT coalesce(load_us BETWEEN 0 AND 86400000000, true) FROM cache_entries WHERE key = 't:k'";
    assert!(scene.get::<bool>(plausible)?);
    scene.unharmed()
}
