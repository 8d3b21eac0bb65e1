//! A cache in use: what users put into it before an update, and the proof afterwards that it works.
//!
//! Owns the scene and the questions about it. Must never expect of an update more than DESIGN.md promises.

use anyhow::{Context, Result, ensure};
use cache_pg_server_tests::{every_verb_works, get, sqlstate, value};
use postgres::Client;
use postgres::error::SqlState;
use xtask::cluster::Cluster;

const SCENE: &str = include_str!("../sql/scene.sql");
const CONTENTS: &str = include_str!("../sql/contents.sql");
const ROLES: &str = "
    DO $$ BEGIN
        CREATE ROLE chef; CREATE ROLE app LOGIN; CREATE ROLE guest LOGIN;
    EXCEPTION WHEN duplicate_object THEN NULL;
    END $$";

/// A cache in use, and the tokens that callers hold.
#[derive(Debug)]
pub struct Scene {
    database: String,
    /// The token for a key that nobody has changed.
    token: String,
    /// The token for a key that was deleted after it was given.
    late: String,
}

impl Scene {
    /// Fills the cache of a database. `persistence` is `logged` or `unlogged`.
    ///
    /// # Errors
    /// When a statement fails.
    pub fn set_up(client: &mut Client, persistence: &str) -> Result<Self> {
        client.batch_execute(ROLES)?;
        client.batch_execute(&format!("SELECT cache_persistence('{persistence}')"))?;
        client.batch_execute(SCENE)?;
        let token = get(client, "SELECT token FROM cache_fetch('loading')")?;
        let late = get(client, "SELECT token FROM cache_fetch('late')")?;
        client.batch_execute("SELECT cache_delete('late')")?;
        Ok(Self { database: get(client, "SELECT current_database()::text")?, token, late })
    }

    /// Its database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Checks every promise about the scene, and changes it.
    ///
    /// # Errors
    /// The first that does not hold. `same_run`: whether the server has not been restarted.
    pub fn works(&self, cluster: &Cluster, same_run: bool) -> Result<()> {
        let mut client = cluster.connect(&self.database)?;
        let mut app = cluster.connect_as("app", &self.database)?;
        self.reads(&mut client, cluster)?;
        self.late_values(&mut app, same_run)?;
        watches(&mut client)?;
        every_verb_works(&mut app)?;
        let loaded: Option<String> = value(&mut app, "SELECT cache_get_or_set('l:1') #>> '{}'")?;
        ensure!(loaded.as_deref() == Some("chef l:1"), "the loader runs as its owner: {loaded:?}");
        let configured =
            "SELECT cache_set('n:new', '1') BETWEEN now() + interval '2 hours' AND now() + interval '3 hours 1 s'";
        ensure!(get::<bool>(&mut app, configured)?, "the namespace has its ttl");
        let denied = sqlstate(app.query("SELECT cache_configure('n', jitter => 0)", &[]))?;
        ensure!(denied == SqlState::INSUFFICIENT_PRIVILEGE, "{denied:?}");
        Ok(())
    }

    /// No stale value is returned (P2), and none is lost.
    fn reads(&self, client: &mut Client, cluster: &Cluster) -> Result<()> {
        let live = "SELECT string_agg(key, ' ' ORDER BY key COLLATE \"C\") FROM cache_keys() AS key";
        let found: String = get(client, live)?;
        let expected =
            "bytes count dish:1 dish:2 dish:3 forever gone:2 guest:1 k lock n:k of-x of-y tenant:x tenant:y toasted";
        ensure!(found == expected, "live keys: {found}");
        for question in [
            "cache_get('k') = '{\"n\": 1}'",
            "cache_get_bytes('bytes') = '\\x00ff'",
            "cache_get('deleted') IS NULL AND cache_get('of-z') IS NULL AND cache_get('expired') IS NULL",
            "cache_get('gone:1') IS NULL AND cache_get('gone:2') = '1'",
            "cache_get('of-x') = '1' AND cache_get('of-y') = '1'",
            "cache_incr('count') = 8",
            "cache_lock_owner('lock') = 'me'",
            "length(cache_get('toasted') #>> '{}') = 16000",
        ] {
            ensure!(get::<bool>(client, &format!("SELECT {question}"))?, "not so: {question}");
        }
        let mut guest = cluster.connect_as("guest", &self.database)?;
        let seen: i64 = get(&mut guest, "SELECT count(*) FROM cache_keys()")?;
        ensure!(seen == 1, "the policy shows one key to the guest, not {seen}");
        Ok(())
    }

    /// A token for a key that was deleted is refused. After a restart no token of before is accepted.
    fn late_values(&self, app: &mut Client, same_run: bool) -> Result<()> {
        let fill = |client: &mut Client, key: &str, token: &str| {
            client.query_one("SELECT cache_fill($1, '1', $2)", &[&key, &token])
        };
        if !same_run {
            for (key, token) in [("loading", &self.token), ("late", &self.late)] {
                let refused = fill(app, key, token);
                let is_stored = refused.as_ref().is_ok_and(|row| row.get(0));
                ensure!(!is_stored, "a token from before the restart was accepted for {key}");
            }
            return Ok(());
        }
        ensure!(!fill(app, "late", &self.late)?.try_get::<_, bool>(0)?, "a value of before the delete was stored");
        ensure!(fill(app, "loading", &self.token)?.try_get::<_, bool>(0)?, "the lease was lost");
        Ok(())
    }
}

/// Changes of watched tables delete keys and invalidate tags, also below, and their columns are kept.
fn watches(client: &mut Client) -> Result<()> {
    client.batch_execute(
        "UPDATE tenant SET plan = 'pro' WHERE slug = 'x';
         UPDATE dish SET name = 'stew' WHERE id = 1;
         UPDATE dish_x SET name = 'bowl' WHERE id = 2;
         CREATE TABLE dish_y PARTITION OF dish FOR VALUES IN ('y');
         INSERT INTO dish_y VALUES (3, 'y', 'rice')",
    )?;
    let gone = "SELECT string_agg(key, ' ' ORDER BY key) 
                FROM unnest('{tenant:x,tenant:y,of-x,of-y,dish:1,dish:2,dish:3}'::text[]) AS key
                WHERE NOT cache_exists(key)";
    let found: Option<String> = value(client, gone)?;
    ensure!(found.as_deref() == Some("dish:1 dish:2 dish:3 of-x tenant:x"), "gone: {found:?}");
    let refused = sqlstate(client.batch_execute("ALTER TABLE tenant RENAME slug TO s"))?;
    ensure!(refused == SqlState::DEPENDENT_OBJECTS_STILL_EXIST, "{refused:?}");
    Ok(())
}

/// All that users have put into the cache of a database and have configured, one fact a line.
///
/// # Errors
/// When the cache is not there.
pub fn contents(client: &mut Client) -> Result<String> {
    let rows = client.query(CONTENTS, &[]).context("the contents of the cache")?;
    let lines = rows.iter().map(|row| row.try_get(0)).collect::<Result<Vec<String>, _>>()?;
    ensure!(lines.len() > 50, "only {} facts", lines.len());
    Ok(lines.join("\n"))
}
