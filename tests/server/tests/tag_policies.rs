//! Row security: tags and clears reach entries of everybody, so policies on `cache_tags` say whose they are.

use std::sync::Arc;

use anyhow::Result;
use cache_pg_server_tests::{Shared, create_database, get, server, sqlstate, value};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::Cluster;

static SHARED: Shared = Shared::new();

/// By which a role has the tags that begin with its name, and may clear the namespace that is named like it.
const POLICY: &str = "
    ALTER TABLE cache_tags ENABLE ROW LEVEL SECURITY;
    CREATE POLICY tenant ON cache_tags USING (split_part(tag, ':', 1) = current_user)
        WITH CHECK (split_part(tag, ':', 1) = current_user OR tag = E'\\x01' || current_user)";

/// A database in which `<name>_a` and `<name>_b` are tenants, each with an entry `k` that carries a tag of its own,
/// `t`. Returns connections of the owner and of both.
fn tenants(name: &str) -> Result<(Arc<Cluster>, Client, Client, Client)> {
    let cluster = SHARED.get(|| server()?.conf("cache_pg.max_workers", "0").start())?;
    let mut owner = create_database(&cluster, name)?;
    owner.batch_execute(
        "ALTER TABLE cache_entries ENABLE ROW LEVEL SECURITY;
         CREATE POLICY tenant ON cache_entries
             USING (split_part(key, ':', 1) = current_user) WITH CHECK (split_part(key, ':', 1) = current_user)",
    )?;
    for tenant in ["a", "b"] {
        owner.batch_execute(&format!(
            "CREATE ROLE {name}_{tenant} LOGIN;
             GRANT SELECT, INSERT, UPDATE, DELETE ON cache_entries TO {name}_{tenant};
             SELECT cache_set('{name}_{tenant}:k', '1', '1 hour', '{{{name}_{tenant}:t}}')"
        ))?;
    }
    let a = cluster.connect_as(&format!("{name}_a"), name)?;
    let b = cluster.connect_as(&format!("{name}_b"), name)?;
    Ok((cluster, owner, a, b))
}

fn refused(client: &mut Client, call: &str) -> Result<()> {
    let outcome = client.query(&format!("SELECT {call}"), &[]);
    assert_eq!(sqlstate(outcome)?, SqlState::INSUFFICIENT_PRIVILEGE, "{call}");
    Ok(())
}

#[test]
fn without_a_policy_on_tags_a_tenant_invalidates_and_clears_nothing() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("none")?;
    for granted in [false, true] {
        for call in [
            "cache_invalidate_tags('none_b:t')",
            "cache_invalidate_tags('none_a:t')",
            "cache_clear('none_b')",
            "cache_clear('none_a')",
            "cache_clear('')",
            "cache_clear()",
        ] {
            refused(&mut a, call)?;
        }
        assert!(get::<bool>(&mut b, "SELECT cache_exists('none_b:k')")?);
        assert_eq!(get::<i64>(&mut owner, "SELECT count(*) FROM cache_tags")?, 0, "granted: {granted}");
        // The privilege alone is no policy.
        owner.batch_execute("GRANT SELECT, INSERT ON cache_tags TO none_a")?;
    }
    // Who is bound by no policy is not bound by this.
    assert_eq!(get::<i64>(&mut owner, "SELECT cache_invalidate_tags('none_b:t')")?, 1);
    assert!(!get::<bool>(&mut b, "SELECT cache_exists('none_b:k')")?);
    Ok(())
}

#[test]
fn a_policy_on_tags_lets_a_tenant_invalidate_and_clear_what_is_its_own() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("own")?;
    owner.batch_execute(POLICY)?;
    refused(&mut a, "cache_invalidate_tags('own_a:t')")?;
    owner.batch_execute("GRANT INSERT ON cache_tags TO own_a, own_b")?;
    let fetched = "SELECT token FROM cache_fetch('own_b:new')";
    let token: String = get(&mut b, fetched)?;
    for call in [
        "cache_invalidate_tags('own_b:t')",
        "cache_invalidate_tags('own_a:t', 'own_b:t')",
        "cache_clear('own_b')",
        "cache_clear('')",
        "cache_clear()",
    ] {
        refused(&mut a, call)?;
        assert_eq!(get::<i64>(&mut owner, "SELECT count(*) FROM cache_tags")?, 0, "{call}");
    }
    assert!(get::<bool>(&mut a, "SELECT cache_exists('own_a:k')")?);
    assert_eq!(get::<i64>(&mut a, "SELECT cache_invalidate_tags('own_a:t')")?, 1);
    assert!(!get::<bool>(&mut a, "SELECT cache_exists('own_a:k')")?);
    a.batch_execute("SELECT cache_set('own_a:x', '1')")?;
    assert_eq!(get::<i64>(&mut a, "SELECT cache_clear('own_a')")?, 1);
    let fences = "SELECT jsonb_agg(DISTINCT tag ORDER BY tag) FROM cache_tags";
    assert_eq!(get::<Value>(&mut owner, fences)?, json!(["\u{1}own_a", "own_a:t"]));
    assert!(get::<bool>(&mut b, "SELECT cache_exists('own_b:k')")?);
    assert!(get::<bool>(&mut b, &format!("SELECT cache_fill('own_b:new', '1', '{token}')"))?);
    Ok(())
}

#[test]
fn a_tenant_is_told_of_tags_by_the_rows_that_a_policy_shows_it() -> Result<()> {
    let (_cluster, mut owner, mut a, mut b) = tenants("told")?;
    refused(&mut a, "cache_tags_hold('{told_b:t}', '{0}')")?;
    owner.batch_execute("GRANT SELECT ON cache_tags TO told_a")?;
    refused(&mut a, "cache_tags_hold('{told_b:t}', '{0}')")?;
    owner.batch_execute(POLICY)?;
    owner.batch_execute("GRANT SELECT, INSERT ON cache_tags TO told_a, told_b")?;
    let both = "SELECT to_jsonb(ARRAY[cache_tags_hold('{told_a:t}', '{0}'), cache_tags_hold('{told_b:t}', '{0}')])";
    assert_eq!(get::<Value>(&mut a, both)?, json!([true, true]));
    b.batch_execute("SELECT cache_invalidate_tags('told_b:t')")?;
    assert_eq!(get::<Value>(&mut a, both)?, json!([true, true]), "another tenant's invalidation shows");
    a.batch_execute("SELECT cache_invalidate_tags('told_a:t')")?;
    assert_eq!(get::<Value>(&mut a, both)?, json!([false, true]));
    assert_eq!(get::<Value>(&mut b, both)?, json!([true, false]));
    a.batch_execute("SELECT cache_set('told_a:k', '2', '1 hour', '{told_a:t,told_a:u}')")?;
    let live = "SELECT bool_and(cache_tags_hold(tags, tag_generations)) FROM cache_entries";
    assert!(get::<bool>(&mut a, live)?);
    for (tags, generations) in [("{x}", "{}"), ("{}", "{0}"), ("{NULL}", "{0}"), ("{told_a:u}", "{NULL}")] {
        let hold = format!("SELECT cache_tags_hold('{tags}', '{generations}')");
        assert!(!get::<bool>(&mut a, &hold)?, "{hold}");
        assert!(!get::<bool>(&mut owner, &hold)?, "{hold}");
    }
    Ok(())
}

#[test]
fn a_tenant_needs_no_privilege_on_tags_to_use_its_own_entries_that_carry_some() -> Result<()> {
    let (_cluster, mut owner, mut a, _b) = tenants("used")?;
    let used = |a: &mut Client| -> Result<()> {
        for (call, expected) in [
            ("cache_set('used_a:k', '1', '1 hour', '{used_a:t}') > now()", json!(true)),
            ("cache_get('used_a:k')", json!(1)),
            ("cache_ttl('used_a:k') > '0'", json!(true)),
            ("cache_expires_at('used_a:k') > now()", json!(true)),
            ("(SELECT count(*) FROM cache_get_many('{used_a:k}'))", json!(1)),
            ("(SELECT count(*) FROM cache_entry('used_a:k'))", json!(1)),
            ("(SELECT count(*) FROM cache_keys())", json!(1)),
            ("cache_add('used_a:k', '2')", json!(false)),
            ("cache_replace('used_a:k', '2', '1 hour', '{used_a:t}')", json!(true)),
            ("cache_incr('used_a:k')", json!(3)),
            ("cache_set_many('{\"used_a:k\": 4}', '1 hour', '{used_a:t}')", json!(1)),
            ("cache_touch('used_a:k', '2 hours')", json!(true)),
            ("(SELECT value FROM cache_fetch('used_a:k'))", json!(4)),
            ("cache_get_or_set('used_a:k', 'SELECT 5')", json!(4)),
            ("cache_take('used_a:k')", json!(4)),
            ("cache_get_or_set('used_a:k', 'SELECT 6', '1 hour', '{used_a:t}')", json!(6)),
            ("cache_delete('used_a:k')", json!(true)),
        ] {
            let found = value(a, &format!("SELECT to_jsonb({call})"))?;
            assert_eq!(found.unwrap_or(Value::Null), expected, "{call}");
        }
        Ok(())
    };
    used(&mut a)?;
    // A policy on the tags is nothing to them either.
    owner.batch_execute(POLICY)?;
    used(&mut a)
}

#[test]
fn a_trigger_on_entries_is_told_of_tags_no_more_than_its_caller() -> Result<()> {
    let (_cluster, mut owner, mut a, _b) = tenants("fired")?;
    owner.batch_execute(
        "CREATE FUNCTION ask() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN PERFORM cache_tags_hold('{fired_b:t}', '{0}'); RETURN new; END $$;
         CREATE TRIGGER ask BEFORE INSERT ON cache_entries FOR EACH ROW EXECUTE FUNCTION ask()",
    )?;
    refused(&mut a, "cache_set('fired_a:new', '1')")
}
