//! Row security: a tenant sees and changes its own keys only, through whichever function.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_server_tests::{
    PATIENCE, Shared, create_database, get, sqlstate, swift_server, together_with, value, write_expired,
};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::{Cluster, wait_for};

static SHARED: Shared = Shared::new();

/// A policy by which a role has the keys of the namespace that is named like it.
const POLICY: &str = "
    ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON cache_entries
        USING (split_part(key, ':', 1) = current_user) WITH CHECK (split_part(key, ':', 1) = current_user)";

/// A database in which `<name>_a` and `<name>_b` are tenants, each with a live key `k` and an expired one.
/// Returns a connection of the owner and one of the first tenant.
fn tenants(name: &str) -> Result<(Arc<Cluster>, Client, Client)> {
    let cluster = SHARED.get(|| swift_server()?.conf("cache_pg.max_workers", "0").start())?;
    let mut owner = create_database(&cluster, name)?;
    owner.batch_execute(POLICY)?;
    for tenant in ["a", "b"] {
        owner.batch_execute(&format!(
            "CREATE ROLE {name}_{tenant} LOGIN;
             GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO {name}_{tenant};
             SELECT cache_set('{name}_{tenant}:k', '1', '1 hour');
             INSERT INTO cache_entries (key, value, expires_at) VALUES ('{name}_{tenant}:old', '1', '2000-01-01')"
        ))?;
    }
    let client = cluster.connect_as(&format!("{name}_a"), name)?;
    Ok((cluster, owner, client))
}

/// All rows of the second tenant, system columns included: equal when nothing has touched them.
fn rows_of_b(owner: &mut Client, name: &str) -> Result<Value> {
    let rows = "SELECT jsonb_agg(to_jsonb(e) || jsonb_build_object('ctid', ctid, 'xmin', xmin) ORDER BY key)
                FROM cache_entries AS e WHERE key LIKE";
    let rows: Value = get(owner, &format!("{rows} '{name}_b:%'"))?;
    assert_eq!(rows.as_array().map(Vec::len), Some(2));
    Ok(rows)
}

#[test]
fn every_function_works_on_the_keys_that_are_ones_own() -> Result<()> {
    let (_cluster, _, mut client) = tenants("own")?;
    for (call, expected) in [
        ("cache_get('own_a:k')", json!(1)),
        ("cache_get_or_null('own_a:k')", json!(1)),
        ("cache_exists('own_a:k')", json!(true)),
        ("cache_ttl('own_a:k') > '0'", json!(true)),
        ("cache_expires_at('own_a:k') > now()", json!(true)),
        ("cache_set('own_a:k', '2', '1 hour') > now()", json!(true)),
        ("cache_try_set('own_a:k', '3', '1 hour')", json!(true)),
        ("cache_add('own_a:k', '4')", json!(false)),
        ("cache_add('own_a:new', '4')", json!(true)),
        ("cache_add('own_a:old', '4')", json!(true)),
        ("cache_replace('own_a:k', '5')", json!(true)),
        ("cache_cas('own_a:k', '6', (SELECT version FROM cache_entry('own_a:k')))", json!(true)),
        ("cache_touch('own_a:k', '1 hour')", json!(true)),
        ("cache_incr('own_a:k')", json!(7)),
        ("cache_set_many('{\"own_a:x\": 1, \"own_a:y\": 2}')", json!(2)),
        ("cache_take('own_a:k')", json!(7)),
        ("cache_take('own_a:k')", Value::Null),
        ("cache_delete('own_a:x')", json!(true)),
        ("cache_delete('own_a:x')", json!(false)),
        ("cache_delete_many('{own_a:y,own_a:x}')", json!(1)),
        ("cache_set_bytes('own_a:k', '\\x01', '1 hour') > now()", json!(true)),
        ("cache_get_bytes('own_a:k')", json!("\\x01")),
        ("cache_set('own_a:k', '8', 'keep') > now() + '50 minutes'", json!(true)),
        ("cache_get_and_touch('own_a:k', 60)", json!(8)),
        ("cache_ttl_seconds('own_a:k') < 61", json!(true)),
        ("cache_touch('own_a:k', 60, (SELECT version FROM cache_entry('own_a:k')))", json!(true)),
        ("cache_set_many_bytes('{own_a:x,own_a:y}', ARRAY['1', '2']::bytea[], ARRAY[60, 120])", json!(2)),
        ("cache_set_many('{own_a:x,own_a:z}'::text[], '{1,2}'::jsonb[], '{keep,1 hour}'::text[])", json!(2)),
        ("cache_count('own_a', 'own_a:x')", json!(1)),
        ("cache_count()", json!(6)),
        ("cache_delete('own_a:k', (SELECT version FROM cache_entry('own_a:k')))", json!(true)),
        ("cache_set('own_a:z', '3', expires_at => '2000-01-01') < now() + '1 minute'", json!(true)),
        ("cache_take_bytes('own_a:y')", json!("\\x32")),
        ("cache_incr('own_a:n', initial => NULL)", Value::Null),
        ("cache_incr('own_a:n', 1, NULL, 10)", json!(11)),
        ("cache_lock('own_a:lock', 'me', 60)", json!(true)),
        ("cache_lock('own_a:lock', 'you', 60)", json!(false)),
        ("cache_lock_owner('own_a:lock')", json!("me")),
        ("cache_unlock('own_a:lock', 'you')", json!(false)),
        ("cache_unlock('own_a:lock', 'me')", json!(true)),
    ] {
        let found = value(&mut client, &format!("SELECT to_jsonb({call})"))?;
        assert_eq!(found.unwrap_or(Value::Null), expected, "{call}");
    }
    Ok(())
}

#[test]
fn no_function_that_reads_shows_keys_of_others() -> Result<()> {
    let (_cluster, mut owner, mut client) = tenants("seen")?;
    assert!(get::<bool>(&mut owner, "SELECT cache_exists('seen_a:k') AND cache_exists('seen_b:k')")?);
    for call in [
        "cache_get('seen_b:k')",
        "cache_get_or_null('seen_b:k')",
        "cache_ttl('seen_b:k')",
        "cache_expires_at('seen_b:k')",
        "cache_get_bytes('seen_b:k')",
        "cache_ttl_seconds('seen_b:k')",
        "cache_lock_owner('seen_b:k')",
        "nullif(cache_count('seen_b'), 0)",
        "nullif(cache_count(prefix => 'seen_b:'), 0)",
    ] {
        assert!(get::<bool>(&mut client, &format!("SELECT {call} IS NULL"))?, "{call}");
    }
    assert!(!get::<bool>(&mut client, "SELECT cache_exists('seen_b:k')")?);
    assert_eq!(get::<i64>(&mut client, "SELECT count(*) FROM cache_entry('seen_b:k')")?, 0);
    for (call, expected) in [
        ("cache_get_many('{seen_b:k,seen_a:k,seen_b:old}')", vec!["seen_a:k"]),
        ("cache_keys() AS key", vec!["seen_a:k"]),
        ("cache_get_many_bytes('{seen_b:k,seen_a:k,seen_b:old}')", vec!["seen_a:k"]),
        ("cache_keys('seen_b') AS key", vec![]),
        ("cache_keys(prefix => 'seen_') AS key", vec!["seen_a:k"]),
        ("cache_keys(after => 'seen_a:k') AS key", vec![]),
    ] {
        let rows = client.query(&format!("SELECT key FROM {call}"), &[])?;
        let keys: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert_eq!(keys, expected, "{call}");
    }
    Ok(())
}

#[test]
fn no_function_that_writes_changes_keys_of_others() -> Result<()> {
    let (_cluster, mut owner, mut client) = tenants("written")?;
    let before = rows_of_b(&mut owner, "written")?;
    let version: String = get(&mut owner, "SELECT version::text FROM cache_entry('written_b:k')")?;
    let cas = format!("cache_cas('written_b:k', '9', '{version}')");
    let cas_bytes = format!("cache_cas_bytes('written_b:k', '9', '{version}')");
    let delete = format!("cache_delete('written_b:k', '{version}')");
    let touch = format!("cache_touch('written_b:k', '1 day', '{version}')");
    // A function may refuse, or behave as if there were no such entry.
    for call in [
        "cache_set('written_b:k', '9')",
        "cache_set('written_b:new', '9')",
        "cache_try_set('written_b:k', '9')",
        "cache_add('written_b:k', '9')",
        "cache_add('written_b:new', '9')",
        "cache_replace('written_b:k', '9')",
        &cas,
        &cas_bytes,
        &delete,
        &touch,
        "cache_set_bytes('written_b:k', '9')",
        "cache_add_bytes('written_b:new', '9')",
        "cache_replace_bytes('written_b:k', '9')",
        "cache_set('written_b:k', '9', expires_at => '2000-01-01')",
        "cache_replace('written_b:k', '9', expires_at => '2000-01-01')",
        "cache_touch('written_b:k', expires_at => '2000-01-01')",
        "cache_get_and_touch('written_b:k', '1 day')",
        "cache_set_many_bytes('{written_a:k,written_b:k}', ARRAY['9', '9']::bytea[])",
        "cache_set_many('{written_a:k,written_b:k}'::text[], '{9,9}'::jsonb[], '{keep,1 day}'::text[])",
        "cache_incr('written_b:k', initial => NULL)",
        "cache_take_bytes('written_b:k')",
        "cache_lock('written_b:new', 'me')",
        "cache_lock('written_b:k', 'me')",
        "cache_unlock('written_b:k', '1')",
        "cache_clear('written_b', 'written_b:k')",
        "cache_clear(prefix => 'written_b')",
        "cache_touch('written_b:k', '1 day')",
        "cache_incr('written_b:k')",
        "cache_set_many('{\"written_a:k\": 9, \"written_b:k\": 9}')",
        "cache_take('written_b:k')",
        "cache_delete('written_b:k')",
        "cache_delete_many('{written_a:k,written_b:k}')",
        "cache_clear('written_b')",
        "cache_clear()",
        "cache_sweep()",
    ] {
        client.batch_execute("SELECT cache_set('written_a:k', '1', '1 hour')")?;
        let outcome = client.query_one(&format!("SELECT to_jsonb({call})"), &[]);
        match outcome {
            Ok(row) => {
                let found: Value = row.try_get::<_, Option<Value>>(0)?.unwrap_or(Value::Null);
                // What they removed was one's own: the live key, or the expired one.
                let own = ["cache_clear()", "cache_sweep()"].contains(&call);
                let nothing = if own { json!(1) } else { Value::Null };
                let harmless = [Value::Null, json!(false), json!(0), nothing];
                assert!(harmless.contains(&found), "{call} returned {found}");
            }
            Err(error) => assert_eq!(error.code(), Some(&SqlState::INSUFFICIENT_PRIVILEGE), "{call}: {error:?}"),
        }
        assert_eq!(rows_of_b(&mut owner, "written")?, before, "after {call}");
    }
    Ok(())
}

#[test]
fn a_session_that_changes_its_role_changes_what_it_sees() -> Result<()> {
    let (_cluster, mut owner, _) = tenants("role")?;
    for _ in 0..2 {
        for (role, sees_a, sees_b) in [("role_a", true, false), ("role_b", false, true), ("postgres", true, true)] {
            owner.batch_execute(&format!("SET ROLE {role}"))?;
            let seen = owner.query_one("SELECT cache_exists('role_a:k'), cache_exists('role_b:k')", &[])?;
            assert_eq!((seen.try_get(0)?, seen.try_get(1)?), (sees_a, sees_b), "{role}");
            let many: i64 = get(&mut owner, "SELECT count(*) FROM cache_get_many('{role_a:k,role_b:k}')")?;
            assert_eq!(many, i64::from(sees_a) + i64::from(sees_b), "{role}");
        }
    }
    Ok(())
}

#[test]
fn a_policy_counts_from_the_moment_that_it_is_there() -> Result<()> {
    let (_cluster, mut owner, mut client) = tenants("moment")?;
    owner.batch_execute("ALTER TABLE cache_entries DISABLE ROW LEVEL SECURITY")?;
    assert!(get::<bool>(&mut client, "SELECT cache_exists('moment_b:k')")?);
    owner.batch_execute("ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY")?;
    assert!(!get::<bool>(&mut client, "SELECT cache_exists('moment_b:k')")?);
    assert_eq!(sqlstate(client.query("SELECT cache_set('moment_b:k', '2')", &[]))?, SqlState::INSUFFICIENT_PRIVILEGE);
    owner.batch_execute("DROP POLICY tenant ON cache_entries")?;
    assert!(!get::<bool>(&mut client, "SELECT cache_exists('moment_a:k')")?);
    Ok(())
}

#[test]
fn tenants_at_work_at_the_same_time_stay_apart() -> Result<()> {
    let (cluster, _, _) = tenants("apart")?;
    together_with(
        8,
        |number| cluster.connect_as(["apart_a", "apart_b"][number % 2], "apart"),
        |number, mut client| {
            let tenant = ["apart_a", "apart_b"][number % 2];
            for _ in 0..50 {
                client.execute(&format!("SELECT cache_set('{tenant}:n', '\"{tenant}\"')"), &[])?;
                let many = "SELECT count(*) FROM cache_get_many('{apart_a:n,apart_b:n}')";
                assert_eq!(get::<i64>(&mut client, many)?, 1);
                assert_eq!(get::<Value>(&mut client, &format!("SELECT cache_get('{tenant}:n')"))?, json!(tenant));
            }
            Ok(())
        },
    )?;
    Ok(())
}

#[test]
fn the_worker_removes_what_is_due_of_every_tenant_even_where_the_owner_is_bound_too() -> Result<()> {
    let cluster = swift_server()?.start()?;
    let mut owner = create_database(&cluster, "bound")?;
    owner.batch_execute(POLICY)?;
    owner.batch_execute("ALTER TABLE cache_entries FORCE ROW LEVEL SECURITY")?;
    write_expired(&mut owner, 100)?;
    wait_for(&mut owner, "SELECT count(*) = 0 FROM cache_entries", PATIENCE)
}
