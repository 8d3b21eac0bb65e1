//! Every release is updated to the present version: the new library works under the old schema until then, the update
//! keeps what users have put into it, and afterwards the catalogs are those of a new installation.
//!
//! Owns these proofs, for released versions and for a made-up one, as there is always at least that. Must never compare
//! catalogs that a user has changed.

use anyhow::{Result, ensure};
use cache_pg_server_tests::{every_verb_works, get};
use cache_pg_upgrade_tests::{
    Fixture, Scene, catalogs, contents, create, difference, present, released_script, releases, unique, update,
};
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};
use xtask::postgres::under_test;
use xtask::suites::{self, Verdict};

/// What a release that never was has beside the present schema.
const EXTRA: &str = "
CREATE TABLE @extschema@.cache_notes (id integer PRIMARY KEY, body text);
COMMENT ON FUNCTION @extschema@.cache_get(text) IS 'as the old release says';";
const UPGRADE: &str = "
DROP TABLE @extschema@.cache_notes;
COMMENT ON FUNCTION @extschema@.cache_get(text) IS 'returns the value of a live entry; NULL on a miss';";
/// The golden tests that list the schema, or create it anew.
const OF_THE_PRESENT_SCHEMA: [&str; 2] = ["surface", "extension"];

struct Releases {
    cluster: Cluster,
    present: String,
    all: Vec<String>,
    _fixture: Fixture,
}

fn server() -> Result<Releases> {
    let installation = under_test()?;
    let present = present(&installation)?;
    let script = released_script(&installation, &present)?;
    let made_up = format!("0.0.{}", unique());
    let fixture = Fixture::new(&installation)
        .install(&made_up, &format!("{script}{EXTRA}"))?
        .upgrade(&made_up, &present, UPGRADE)?;
    let cluster =
        Cluster::builder(&installation).conf("cache_pg.max_workers", "0").lifetime(LIFETIME_IN_TESTS).start()?;
    let all = std::iter::once(made_up).chain(releases()).collect();
    Ok(Releases { cluster, present, all, _fixture: fixture })
}

#[test]
fn an_update_leads_to_the_catalogs_of_a_new_installation() -> Result<()> {
    let Releases { cluster, present, all, _fixture } = server()?;
    // The verbs leave rows, in the updated database as in the new one.
    let mut client = create(&cluster, "fresh", &present)?;
    every_verb_works(&mut client)?;
    let fresh = catalogs(&mut client)?;
    println!("{} facts", fresh.lines().count());
    for (number, release) in all.iter().enumerate() {
        let mut client = create(&cluster, &format!("old_{number}"), release)?;
        every_verb_works(&mut client)?;
        update(&mut client, &present)?;
        let differs = difference(&catalogs(&mut client)?, &fresh);
        ensure!(differs.is_empty(), "{release}, updated to {present}, is not as a new installation:\n{differs}");
        every_verb_works(&mut client)?;
    }
    Ok(())
}

#[test]
fn an_update_keeps_entries_options_watches_grants_policies_and_persistence() -> Result<()> {
    let Releases { cluster, present, all, _fixture } = server()?;
    for (number, release) in all.iter().enumerate() {
        for persistence in ["logged", "unlogged"] {
            let database = format!("{persistence}_{number}");
            let mut client = create(&cluster, &database, release)?;
            let scene = Scene::set_up(&mut client, persistence)?;
            // A session that used the cache before the update goes on afterwards.
            let mut other = cluster.connect(&database)?;
            ensure!(get::<bool>(&mut other, "SELECT cache_get('k') IS NOT NULL")?);
            let before = contents(&mut client)?;
            update(&mut client, &present)?;
            let differs = difference(&contents(&mut client)?, &before);
            ensure!(differs.is_empty(), "the update from {release} has changed:\n{differs}");
            scene.works(&cluster, true)?;
            every_verb_works(&mut other)?;
        }
    }
    Ok(())
}

#[test]
fn the_library_does_all_that_it_promises_under_an_older_schema() -> Result<()> {
    let Releases { cluster, present, all, _fixture } = server()?;
    for (number, release) in all.iter().filter(|release| **release != present).enumerate() {
        let mut client = create(&cluster, &format!("scene_{number}"), release)?;
        Scene::set_up(&mut client, "logged")?.works(&cluster, true)?;
        let health =
            "SELECT concat_ws(' ', status, value, threshold, advice) FROM cache_health WHERE \"check\" = 'version'";
        let due: String = get(&mut client, health)?;
        ensure!(due.starts_with(&format!("warning {release} {present} ")), "{due}");
        ensure!(due.contains("ALTER EXTENSION cache_pg UPDATE;"), "{due}");
        client.batch_execute("ALTER EXTENSION cache_pg UPDATE;")?;
        ensure!(get::<String>(&mut client, health)? == format!("ok {present} {present}"));
        let verdict = suites::golden_under(cluster.installation(), release, &OF_THE_PRESENT_SCHEMA)?;
        ensure!(verdict == Verdict::Passed, "{verdict:?}");
    }
    Ok(())
}
