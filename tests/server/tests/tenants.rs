//! Row security: what one tenant asks for delays no other, and tells it nothing about the others.

use std::sync::Arc;
use std::thread;

use anyhow::{Result, ensure};
use cache_pg_server_tests::{PATIENCE, Shared, create_database, get, server, sqlstate, together_with};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::{Cluster, wait_for};

static SHARED: Shared = Shared::new();

/// A database in which `<name>_a` and `<name>_b` are tenants, who have the keys of the namespace that is named like
/// them. Returns connections of the owner and of both.
fn tenants(name: &str) -> Result<(Arc<Cluster>, Client, Client, Client)> {
    let cluster = SHARED.get(|| server()?.conf("cache_pg.max_workers", "0").start())?;
    let mut owner = create_database(&cluster, name)?;
    owner.batch_execute(&format!(
        "ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON cache_entries
             USING (split_part(key, ':', 1) = current_user) WITH CHECK (split_part(key, ':', 1) = current_user);
         CREATE SEQUENCE loads;
         CREATE ROLE {name}_a LOGIN;
         CREATE ROLE {name}_b LOGIN;
         GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO {name}_a, {name}_b;
         GRANT USAGE ON SEQUENCE loads TO {name}_a, {name}_b"
    ))?;
    let a = cluster.connect_as(&format!("{name}_a"), name)?;
    let b = cluster.connect_as(&format!("{name}_b"), name)?;
    Ok((cluster, owner, a, b))
}

#[test]
fn whoever_may_not_store_a_key_delays_nobody_who_may() -> Result<()> {
    let (_cluster, mut owner, mut squatter, mut b) = tenants("squat")?;
    let sleeping = "SELECT count(*) = 1 FROM pg_stat_activity WHERE usename = 'squat_a' AND wait_event = 'PgSleep'";
    let cancel = squatter.cancel_token();
    let squat = thread::spawn(move || {
        squatter.query("SELECT cache_get_or_set('squat_b:k', 'SELECT 1 FROM pg_sleep(600)')", &[]).is_err()
    });
    wait_for(&mut owner, sleeping, PATIENCE)?;
    // Whatever waited for the squatter would be cancelled.
    b.batch_execute("SET statement_timeout = '5s'")?;
    assert!(get::<bool>(&mut b, "SELECT token IS NOT NULL FROM cache_fetch('squat_b:k', '1 minute')")?);
    b.batch_execute("SELECT cache_delete('squat_b:k')")?;
    assert_eq!(get::<Value>(&mut b, "SELECT cache_get_or_set('squat_b:k', 'SELECT 2')")?, json!(2));
    assert!(get::<bool>(&mut b, "SELECT cache_exists('squat_b:k')")?, "it was not stored");
    assert!(get::<bool>(&mut owner, sleeping)?, "it was not tried while the squatter computed");
    let claims = "SELECT count(*) FROM pg_locks AS l JOIN pg_database AS d ON d.oid = l.database
                  WHERE l.locktype = 'advisory' AND d.datname = current_database()";
    assert_eq!(get::<i64>(&mut owner, claims)?, 0);
    cancel.cancel_query(postgres::NoTls)?;
    assert!(squat.join().unwrap_or(false));
    Ok(())
}

#[test]
fn whoever_may_not_store_a_key_gets_the_same_answer_at_once_whatever_is_hidden_there() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("hidden")?;
    b.batch_execute(
        "SELECT cache_set('hidden_b:live', '1', '1 hour');
         SELECT cache_delete('hidden_b:deleted');
         SELECT cache_fetch('hidden_b:leased');
         BEGIN;
         SELECT cache_set('hidden_b:uncommitted', '1');
         SELECT cache_delete('hidden_b:live')",
    )?;
    a.batch_execute("SET statement_timeout = '5s'")?;
    for what in ["live", "deleted", "leased", "uncommitted", "absent"] {
        let fetch = format!(
            "SELECT to_jsonb(f) || jsonb_build_object('written', pg_current_xact_id_if_assigned() IS NOT NULL)
             FROM cache_fetch('hidden_b:{what}', '1 minute') AS f"
        );
        let nothing = json!({"found": false, "value": null, "stale": false, "token": null, "written": false});
        assert_eq!(get::<Value>(&mut a, &fetch)?, nothing, "{what}");
        let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";
        let call = format!("SELECT cache_get_or_set('hidden_b:{what}', '{}')", locks.replace('\'', "''"));
        assert_eq!(get::<Value>(&mut a, &call)?, json!(0), "{what}");
    }
    b.batch_execute("COMMIT")?;
    let rows = "SELECT jsonb_agg(key ORDER BY key) FROM cache_entries";
    assert_eq!(
        get::<Value>(&mut owner, rows)?,
        json!(["hidden_b:deleted", "hidden_b:leased", "hidden_b:live", "hidden_b:uncommitted"])
    );
    Ok(())
}

#[test]
fn whoever_may_not_write_a_key_is_refused_at_once_whatever_is_hidden_there() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("refused")?;
    b.batch_execute(
        "SELECT cache_set('refused_b:live', '1', '1 hour');
         SELECT cache_set('refused_b:held', '1', '1 hour');
         BEGIN;
         SELECT cache_set('refused_b:uncommitted', '1');
         SELECT cache_set('refused_b:held', '2', '1 hour')",
    )?;
    // Whatever waited for the other tenant's transaction would be cancelled.
    a.batch_execute("SET statement_timeout = '5s'")?;
    for what in ["live", "held", "uncommitted", "absent"] {
        for call in [
            "cache_set('KEY', '2')",
            "cache_add('KEY', '2')",
            "cache_incr('KEY')",
            "cache_set_many('{\"KEY\": 2}')",
            "cache_delete('KEY')",
            "cache_delete_many('{KEY}')",
            "cache_take('KEY')",
        ] {
            let refused = a.query(&format!("SELECT {}", call.replace("KEY", &format!("refused_b:{what}"))), &[]);
            assert_eq!(sqlstate(refused)?, SqlState::INSUFFICIENT_PRIVILEGE, "{call}: {what}");
        }
    }
    b.batch_execute("COMMIT")?;
    assert_eq!(
        get::<Value>(&mut owner, "SELECT jsonb_object_agg(key, value) FROM cache_entries")?,
        json!({"refused_b:held": 2, "refused_b:live": 1, "refused_b:uncommitted": 1})
    );
    Ok(())
}

#[test]
fn under_a_policy_a_value_is_still_computed_once_however_many_ask() -> Result<()> {
    let (cluster, mut owner, mut a, _b) = tenants("once")?;
    a.batch_execute("SELECT cache_set('once_a:other', '1')")?;
    let seen = together_with(
        20,
        |_| cluster.connect_as("once_a", "once"),
        |_, mut client| {
            let load = "SELECT cache_get_or_set('once_a:k', 'SELECT nextval(''loads'') FROM pg_sleep(0.2)')";
            let value: Value = get(&mut client, load)?;
            ensure!(value == json!(1), "computed again: {value}");
            Ok(())
        },
    )?;
    assert_eq!(seen.len(), 20);
    assert_eq!(get::<i64>(&mut owner, "SELECT last_value FROM loads")?, 1);
    Ok(())
}

#[test]
fn whoever_may_insert_a_key_but_not_see_it_gets_no_token_and_stores_nothing() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("blind")?;
    owner.batch_execute("CREATE POLICY blind ON cache_entries FOR INSERT WITH CHECK (true)")?;
    b.batch_execute("SELECT cache_set('blind_b:live', '1', '1 hour')")?;
    a.batch_execute("SET statement_timeout = '5s'")?;
    for what in ["live", "absent"] {
        let fetch = format!("SELECT token IS NULL FROM cache_fetch('blind_b:{what}', '1 minute')");
        assert!(get::<bool>(&mut a, &fetch)?, "{what}");
        assert_eq!(get::<Value>(&mut a, &format!("SELECT cache_get_or_set('blind_b:{what}', 'SELECT 2')"))?, json!(2));
    }
    assert_eq!(
        get::<Value>(&mut owner, "SELECT jsonb_object_agg(key, value) FROM cache_entries")?,
        json!({"blind_b:live": 1})
    );
    Ok(())
}

#[test]
fn no_loader_computes_for_a_tenant_what_a_policy_keeps_from_it() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("loader")?;
    owner.batch_execute(
        "CREATE TABLE secret AS SELECT 'of b' AS of_b;
         CREATE FUNCTION load(key text) RETURNS jsonb LANGUAGE sql STABLE RETURN (SELECT to_jsonb(of_b) FROM public.secret);
         SELECT cache_configure('loader_b', loader => 'load(text)')",
    )?;
    for read_only in ["off", "on"] {
        a.batch_execute(&format!("SET default_transaction_read_only = {read_only}"))?;
        let load = a.query("SELECT cache_get_or_set('loader_b:k')", &[]);
        assert_eq!(sqlstate(load)?, SqlState::INSUFFICIENT_PRIVILEGE, "read only: {read_only}");
        // A query runs with the caller's own rights.
        assert_eq!(get::<Value>(&mut a, "SELECT cache_get_or_set('loader_b:k', 'SELECT 1')")?, json!(1));
    }
    assert_eq!(get::<Value>(&mut b, "SELECT cache_get_or_set('loader_b:k')")?, json!("of b"));
    Ok(())
}

#[test]
fn under_a_policy_a_token_stores_what_its_holder_may_store() -> Result<()> {
    let (_cluster, _owner, mut a, mut b) = tenants("holder")?;
    let token: String = get(&mut a, "SELECT token FROM cache_fetch('holder_a:k')")?;
    let fill = format!("SELECT cache_fill('holder_a:k', '1', '{token}')");
    assert!(!get::<bool>(&mut b, &fill)?, "another tenant used the token");
    assert!(get::<bool>(&mut a, &fill)?);
    assert_eq!(get::<Value>(&mut a, "SELECT cache_get('holder_a:k')")?, json!(1));
    Ok(())
}
