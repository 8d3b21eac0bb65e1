//! Logical replication: a cache whose changes are published, and one that a subscription writes to.

use anyhow::Result;
use cache_pg_server_tests::{PATIENCE, create_extension, get, launcher, sqlstate, swift_server, value};
use postgres::Client;
use postgres::error::SqlState;
use serde_json::{Value, json};
use xtask::cluster::{Cluster, StopMode, wait_for};
use xtask::process;

const SOURCE: &str = "CREATE TABLE source (id integer PRIMARY KEY, name text)";

/// A server that publishes all of its tables.
fn publisher() -> Result<(Cluster, Client)> {
    let cluster = swift_server()?.conf("wal_level", "logical").start()?;
    let mut client = create_extension(&cluster, "postgres")?;
    client.batch_execute(SOURCE)?;
    client.batch_execute("CREATE PUBLICATION everything FOR ALL TABLES")?;
    Ok((cluster, client))
}

/// Subscribes to `everything`, and waits until what was there has been copied.
fn subscribe(client: &mut Client, publisher: &Cluster) -> Result<()> {
    let connection = publisher.conninfo("postgres");
    client
        .batch_execute(&format!("CREATE SUBSCRIPTION everything CONNECTION '{connection}' PUBLICATION everything"))?;
    wait_for(client, "SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel", PATIENCE)
}

/// Waits until a change of the source that is made now has come to the subscriber, and everything before it.
fn caught_up(publisher: &mut Client, subscriber: &mut Client) -> Result<()> {
    let id: i32 = get(publisher, "INSERT INTO source SELECT coalesce(max(id), 0) + 1 FROM source RETURNING id")?;
    wait_for(subscriber, &format!("SELECT count(*) = 1 FROM source WHERE id = {id}"), PATIENCE)
}

/// What the cache holds that replication could change.
const STATE: &str = "
    SELECT jsonb_build_array(
        (SELECT jsonb_agg(to_jsonb(e) ORDER BY key) FROM cache_entries AS e),
        (SELECT jsonb_agg(to_jsonb(t) ORDER BY tag) FROM cache_tags AS t),
        (SELECT jsonb_agg(to_jsonb(n) ORDER BY namespace) FROM cache_namespaces AS n))";

/// PostgreSQL 19 counts errors of the first synchronisation in two columns.
const ERRORS: &str = "SELECT coalesce(sum(value::bigint), 0)::bigint
    FROM pg_stat_subscription_stats AS stats, jsonb_each_text(to_jsonb(stats)) WHERE key LIKE '%error_count'";

/// Every way in which the publisher's cache changes, on keys, tags and namespaces that the subscriber has too.
const CHANGES: &str = "
    SELECT cache_set('k', '\"published\"', tags => '{t}'), cache_set('new', '1'), cache_incr('count'), cache_touch('k');
    SELECT cache_invalidate_tags('t'); SELECT cache_invalidate_tags('t'); SELECT cache_invalidate_tags('t', 'u');
    SELECT cache_set_many('{\"a\": 1, \"b\": 2}'), cache_delete('a'), cache_delete_many('{b,absent}'), cache_take('new');
    SELECT cache_fill('filled', '1', token) FROM cache_fetch('filled');
    SELECT cache_get_or_set('computed', 'SELECT 1', tags => '{u}');
    SELECT cache_set('n:k', '1'), cache_clear('n'), cache_configure('n', default_ttl => '7 days');
    SELECT cache_configure('other', max_entries => 5); SELECT cache_unconfigure('other'); SELECT cache_sweep();
    INSERT INTO cache_entries (key, value, expires_at) VALUES ('plain', '1', 'infinity');
    UPDATE cache_entries SET value = '\"published\"' WHERE key = 'k'; DELETE FROM cache_entries WHERE key = 'plain';";

#[test]
fn a_subscriber_passes_over_what_another_cache_says_and_applies_the_rest() -> Result<()> {
    let (published, mut publisher) = publisher()?;
    publisher.batch_execute(
        "SELECT cache_set('k', '\"published\"', tags => '{t}'), cache_set('copied', '1'), cache_invalidate_tags('t');
         SELECT cache_set('gone', '1'), cache_invalidate_tags('gone'), cache_configure('n', default_ttl => '1 hour');
         INSERT INTO source VALUES (1, 'one')",
    )?;
    let subscribed = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut subscriber = create_extension(&subscribed, "postgres")?;
    subscriber.batch_execute(SOURCE)?;
    subscriber.batch_execute(
        "SELECT cache_watch('source', ARRAY['source:{id}'], ARRAY['source']);
         SELECT cache_invalidate_tags('t'); SELECT cache_configure('n', default_ttl => '2 hours');
         SELECT cache_set('k', '\"mine\"', tags => '{t}'), cache_set('a', '\"mine\"'), cache_set('n:k', '\"mine\"');
         SELECT cache_set('source:1', '1'), cache_invalidate_tags('u')",
    )?;
    subscribe(&mut subscriber, &published)?;
    assert_eq!(value::<Value>(&mut subscriber, "SELECT cache_get('source:1')")?, None, "what was copied is watched");
    let before: Value = get(&mut subscriber, STATE)?;
    assert_eq!(before[0].as_array().map(Vec::len), Some(4), "{before}");
    publisher.batch_execute(CHANGES)?;
    // The sweeper of the publisher removes what is due, and the second round collects what nobody uses.
    publisher.batch_execute("SELECT cache_set('short', '1', '1 millisecond')")?;
    wait_for(&mut publisher, "SELECT count(*) = 0 FROM cache_entries WHERE key = 'short'", PATIENCE)?;
    publisher.batch_execute("INSERT INTO source VALUES (100, 'hundred')")?;
    wait_for(&mut subscriber, "SELECT count(*) = 1 FROM source WHERE id = 100", PATIENCE)?;
    let mut after: Value = get(&mut subscriber, STATE)?;
    // What the change of the source has brought about.
    let is_watch = |row: &Value| row["key"] == json!("source:100") || row["tag"] == json!("source");
    let mut before = before;
    for state in [&mut before, &mut after] {
        for rows in state.as_array_mut().into_iter().flatten() {
            rows.as_array_mut().into_iter().for_each(|rows| rows.retain(|row| !is_watch(row)));
        }
    }
    assert_eq!(after, before);
    // A watched table is watched.
    subscriber.batch_execute("SELECT cache_set('source:100', '1'), cache_set('tagged', '1', tags => '{source}')")?;
    publisher.batch_execute("UPDATE source SET name = 'C' WHERE id = 100")?;
    let invalidated = "SELECT cache_get('source:100') IS NULL AND cache_get('tagged') IS NULL";
    wait_for(&mut subscriber, invalidated, PATIENCE)?;
    assert_eq!(get::<i64>(&mut subscriber, ERRORS)?, 0);
    Ok(())
}

/// What a change that is applied causes to be written is no part of it.
#[test]
fn a_trigger_of_the_subscriber_writes_its_cache() -> Result<()> {
    let (published, mut publisher) = publisher()?;
    let subscribed = swift_server()?.start()?;
    let mut subscriber = create_extension(&subscribed, "postgres")?;
    subscriber.batch_execute(SOURCE)?;
    subscriber.batch_execute(
        "CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
         BEGIN
             DELETE FROM cache_entries WHERE key = 'plain';
             PERFORM cache_set('followed', to_jsonb(NEW.id)), cache_delete('deleted');
             RETURN NULL;
         END $$;
         CREATE TRIGGER follow AFTER INSERT ON source FOR EACH ROW EXECUTE FUNCTION follow();
         ALTER TABLE source ENABLE ALWAYS TRIGGER follow;",
    )?;
    subscribe(&mut subscriber, &published)?;
    // Below the executor, then through it.
    for index in ["", "CREATE INDEX another ON cache_entries (created_at)"] {
        subscriber.batch_execute(index)?;
        subscriber.batch_execute("SELECT cache_set('plain', '1'), cache_set('deleted', '1')")?;
        caught_up(&mut publisher, &mut subscriber)?;
        let followed: bool = get(
            &mut subscriber,
            "SELECT cache_get('followed') = to_jsonb(max(id)) AND cache_get('deleted') IS NULL
                AND NOT EXISTS (SELECT FROM cache_entries WHERE key = 'plain') FROM source",
        )?;
        assert!(followed, "{index}");
    }
    Ok(())
}

/// A TRUNCATE is applied, whatever a trigger says: then the cache is empty, and nothing that was invalidated is back.
#[test]
fn p2_a_truncate_that_is_applied_revives_nothing() -> Result<()> {
    let (published, mut publisher) = publisher()?;
    let subscribed = swift_server()?.conf("cache_pg.max_workers", "0").start()?;
    let mut subscriber = create_extension(&subscribed, "postgres")?;
    subscriber.batch_execute(SOURCE)?;
    subscribe(&mut subscriber, &published)?;
    subscriber.batch_execute(
        "SELECT cache_set('dead', '1', tags => '{t}'), cache_set('live', '1'); SELECT cache_invalidate_tags('t')",
    )?;
    let token: String = get(&mut subscriber, "SELECT token FROM cache_fetch('n:late')")?;
    subscriber.batch_execute("SELECT cache_clear('n')")?;
    let early: String = get(&mut subscriber, "SELECT token FROM cache_fetch('n:early')")?;
    publisher.batch_execute("TRUNCATE cache_tags")?;
    caught_up(&mut publisher, &mut subscriber)?;
    assert_eq!(value::<Value>(&mut subscriber, "SELECT cache_get('dead')")?, None);
    assert_eq!(value::<Value>(&mut subscriber, "SELECT cache_get('live')")?, None);
    for (key, token) in [("n:late", token), ("n:early", early)] {
        let stored: bool = subscriber.query_one("SELECT cache_fill($1, '1', $2)", &[&key, &token])?.try_get(0)?;
        assert!(!stored, "{key}");
    }
    subscriber.batch_execute("SELECT cache_set('k', '1', tags => '{t}')")?;
    publisher.batch_execute("TRUNCATE cache_entries")?;
    wait_for(&mut subscriber, "SELECT cache_get('k') IS NULL", PATIENCE)?;
    assert_eq!(get::<i64>(&mut subscriber, ERRORS)?, 0);
    Ok(())
}

/// What the subscriber could not be told is refused by the publisher, as PostgreSQL refuses it.
#[test]
fn a_change_that_does_not_say_which_row_is_refused() -> Result<()> {
    let (_published, mut client) = publisher()?;
    client.batch_execute("SELECT cache_set('k', '1', tags => '{t}'), cache_invalidate_tags('t')")?;
    let told = "SELECT count(*) > 0 FROM cache_health WHERE status = 'critical' AND concat_ws(' ', value, advice) LIKE '%replica identity%'";
    for (table, calls) in [
        (
            "cache_entries",
            &[
                "cache_set('k', '2')",
                "cache_delete('k')",
                "cache_fetch('absent')",
                "cache_get_or_set('absent', 'SELECT 1')",
                "cache_sweep()",
            ][..],
        ),
        ("cache_tags", &["cache_invalidate_tags('t')", "cache_clear('n')"][..]),
    ] {
        client.batch_execute(&format!("ALTER TABLE {table} REPLICA IDENTITY NOTHING"))?;
        for call in calls {
            let state = sqlstate(client.query(&format!("SELECT {call}"), &[]))?;
            assert_eq!(state, SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "{call}");
        }
        if table == "cache_entries" {
            wait_for(&mut client, told, PATIENCE)?;
        }
        client.batch_execute(&format!("ALTER TABLE {table} REPLICA IDENTITY FULL"))?;
    }
    // A filter needs a column that is no part of the replica identity.
    client.batch_execute(
        "ALTER TABLE cache_entries REPLICA IDENTITY DEFAULT;
         CREATE PUBLICATION filtered FOR TABLE cache_entries WHERE (expires_at > '2000-01-01')",
    )?;
    let state = sqlstate(client.query("SELECT cache_set('k', '2')", &[]))?;
    assert_eq!(state, SqlState::INVALID_COLUMN_REFERENCE);
    client.batch_execute("DROP PUBLICATION filtered; SELECT cache_set('k', '2')")?;
    Ok(())
}

#[test]
fn what_pg_createsubscriber_makes_of_a_standby_has_a_cache_of_its_own() -> Result<()> {
    let (published, mut publisher) = {
        let cluster = swift_server()?.conf("wal_level", "logical").start()?;
        if cluster.installation().major < 17 {
            return Ok(());
        }
        let mut client = create_extension(&cluster, "postgres")?;
        client.batch_execute(SOURCE)?;
        client.batch_execute("SELECT cache_watch('source', ARRAY['source:{id}'])")?;
        (cluster, client)
    };
    publisher.batch_execute("SELECT cache_set('k', '1'), cache_set('source:1', '1'), cache_invalidate_tags('t')")?;
    let token: String = get(&mut publisher, "SELECT token FROM cache_fetch('late')")?;
    let standby = published.standby()?;
    published.caught_up(&standby)?;
    standby.stop(StopMode::Fast)?;
    let mut create = standby.installation().command("pg_createsubscriber");
    create
        .args(["--database", "postgres", "--publication", "everything", "--subscription", "everything"])
        .args(["--publisher-server", &published.conninfo("postgres")])
        .arg("--pgdata")
        .arg(standby.data_dir())
        .arg("--socketdir")
        .arg(standby.dir());
    process::output(process::as_server_user(&mut create)?)?;
    standby.start()?;
    let mut subscriber = standby.connect("postgres")?;
    launcher(&mut subscriber)?;
    publisher.batch_execute(CHANGES)?;
    caught_up(&mut publisher, &mut subscriber)?;
    let stored: bool = subscriber.query_one("SELECT cache_fill('late', '1', $1)", &[&token])?.try_get(0)?;
    assert!(!stored, "a token of another server");
    let kept = "SELECT cache_get('k') = '1' AND cache_get('source:1') IS NULL AND NOT cache_exists('filled')";
    assert!(get::<bool>(&mut subscriber, kept)?);
    // Both go on: one as the publisher, the other by itself.
    for _ in 0..3 {
        publisher.batch_execute("SELECT cache_invalidate_tags('t'), cache_delete('k'), cache_sweep()")?;
        subscriber.batch_execute("SELECT cache_invalidate_tags('t'), cache_set('k', '2'), cache_sweep()")?;
        caught_up(&mut publisher, &mut subscriber)?;
    }
    assert_eq!(value::<Value>(&mut subscriber, "SELECT cache_get('k')")?, Some(json!(2)));
    assert_eq!(get::<i64>(&mut subscriber, ERRORS)?, 0);
    Ok(())
}
