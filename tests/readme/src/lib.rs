//! The README and the pages of `docs` as a test. Owns how their snippets are run, how the output is compared with what
//! the page shows, how their tables are read, and how their links are followed.
//!
//! | module | what it owns |
//! |---|---|
//! | [`page`] | which files are pages |
//! | [`block`] | the code blocks of a Markdown text, in order |
//! | [`table`] | the rows of its tables |
//! | [`link`] | its links, and where they lead |
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
//! Each page has a database of its own, and its blocks run in order. The extension is there, unless a block of the page
//! creates it.
//!
//! Must never call a block run that did not run.

pub mod block;
pub mod compare;
pub mod link;
pub mod page;
pub mod run;
pub mod table;
pub mod tools;

use anyhow::Result;
use page::Page;
use postgres::Client;
use xtask::cluster::{Cluster, LIFETIME_IN_TESTS};
use xtask::paths::project;

/// The page with this path, such as `docs/reference.md`.
///
/// # Errors
/// When it cannot be read.
pub fn page(name: &str) -> Result<Page> {
    Ok(Page::read(project(), name)?)
}

/// The README and the pages of `docs`.
///
/// # Errors
/// When one cannot be read.
pub fn pages() -> Result<Vec<Page>> {
    Ok(page::all(project())?)
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
