//! The README as a test: its snippets are run, what it says they print is compared with what they print, and its
//! tables are held against a server.
//!
//! | module | what it owns |
//! |---|---|
//! | [`block`] | the code blocks of a Markdown text, in order |
//! | [`table`] | the rows of its tables |
//! | [`compare`] | what counts as the same output: times, spaces and rules may differ |
//! | [`run`] | running a block with the tool of its language |
//! | [`tools`] | drivers from npm and PyPI, and what to say where there is none |
//!
//! A block's first word is its language; words after it say more:
//!
//! | words | what happens |
//! |---|---|
//! | `sql` | psql runs it and must succeed |
//! | `sql error` | psql runs it and must fail |
//! | `ts`, `ts prisma` | the TypeScript compiler checks it, node runs it |
//! | `python`, `rust` | run |
//! | `text` | what the block before it prints |
//! | anything with `no-run` | nothing: configuration of a server, and commands for a terminal |
//!
//! Must never call a block run that did not run.

pub mod block;
pub mod compare;
pub mod run;
pub mod table;
pub mod tools;

use anyhow::{Context, Result};
use postgres::Client;
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};

/// The text of the README.
///
/// # Errors
/// When it cannot be read.
pub fn readme() -> Result<String> {
    let file = xtask::paths::project().join("README.md");
    std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
}

/// A server with the extension in its database `postgres`, and a connection to it.
///
/// # Errors
/// When it does not start, or the extension cannot be created.
pub fn server() -> Result<(Cluster, Client)> {
    let cluster = Cluster::builder(&xtask::postgres::under_test()?).lifetime(LIFETIME_IN_TESTS).start()?;
    let mut client = cluster.connect("postgres")?;
    client.batch_execute("CREATE EXTENSION cache_pg")?;
    Ok((cluster, client))
}
