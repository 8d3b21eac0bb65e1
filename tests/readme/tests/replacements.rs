//! The tables that say which function replaces which call of another cache: every call of cache_pg in them runs.

use anyhow::{Result, bail};
use cache_pg_readme_tests::{page, server, table};

/// What the calls find, and what those of them need that are not for every database.
const PREPARED: &str = "SET LOCAL cache_pg.max_ttl = 0; SELECT cache_set('k', '5'), cache_set('a', '1');";

/// The calls of cache_pg in the tables of the page `name`.
fn calls(name: &str) -> Result<Vec<String>> {
    let text = page(name)?.text;
    let mut calls: Vec<String> = Vec::new();
    for code in table::rows(&text).iter().flatten().flat_map(|cell| table::code(cell)) {
        if code.starts_with("cache_") && code.contains('(') {
            calls.push(format!("SELECT {code}"));
        } else if code.starts_with("SELECT ") && code.contains("cache_") && !code.contains("my_cache") {
            calls.push(code.to_owned());
        }
    }
    Ok(calls)
}

#[test]
fn every_call_in_the_tables_runs() -> Result<()> {
    let (_cluster, mut client) = server()?;
    let pages =
        [("docs/coming-from.md", 80), ("docs/coming-from-redis.md", 45), ("docs/coming-from-solid-cache.md", 30)];
    for (name, least) in pages {
        let calls = calls(name)?;
        assert!(calls.len() >= least, "{name} has only {} calls", calls.len());
        for call in calls {
            let mut transaction = client.transaction()?;
            transaction.batch_execute(PREPARED)?;
            if let Err(error) = transaction.batch_execute(&call) {
                bail!("{name}: {call}: {error:?}");
            }
            transaction.rollback()?;
        }
    }
    Ok(())
}
