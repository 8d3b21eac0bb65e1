//! Owns the kinds of test and their names. Must never run one.

use clap::ValueEnum;

/// A kind of test.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Suite {
    /// Formatting and compiler lints.
    Lint,
    /// Tests that need no server.
    Unit,
    /// SQL scripts and their expected output: `tests/sql`.
    Sql,
    /// Interleavings of several sessions: `tests/isolation`.
    Isolation,
    /// Rust programs that start their own servers: `tests/server`.
    Server,
    /// Attacks by roles with exactly the privileges in question, and a fuzzer: `tests/attack`.
    Attack,
    /// Random sessions, crashes, and a judge of every read: `tests/oracle`.
    Oracle,
    /// Updates from every release and from the oldest PostgreSQL: `tests/upgrade`.
    Upgrade,
    /// The README and the pages of docs, run and checked: `tests/readme`.
    Readme,
    /// The packages for TypeScript and Python, built, installed and tested, on the newest PostgreSQL: `clients`.
    Clients,
    /// The package of Debian on a clean Debian 12, on the PostgreSQL of that release.
    Package,
    /// The images of `packaging`: that for Docker on Debian's PostgreSQL, that for CloudNativePG on PostgreSQL 18.
    Image,
    /// Whether the benchmark works, on the newest PostgreSQL: `benches`.
    Bench,
}

impl Suite {
    /// Its name on the command line and in the summary.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}
