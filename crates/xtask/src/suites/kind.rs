//! Owns the kinds of test: their names, and on which PostgreSQL each runs. Must never run one.

use clap::ValueEnum;

use crate::chroot::DEBIANS_MAJOR;

/// The first major that can load extensions from a volume.
pub const VOLUMES_MAJOR: u16 = 18;

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

/// Tests that are Rust programs: their package, and the arguments of each program.
pub type Program = (&'static str, &'static [&'static str]);

/// The PostgreSQL majors on which a run of all tests takes a suite.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// On none: it needs no server.
    NoServer,
    /// On all.
    Every,
    /// On the oldest and on the newest, and on that with assertions in place of the usual one of its major: concurrent
    /// sessions break what only assertions see.
    Concurrent,
    /// On the oldest and on the newest, and on the usual one of the major with assertions.
    Ends,
    /// On the newest.
    Newest,
    /// On these, whatever others there are.
    Fixed(&'static [u16]),
}

impl Suite {
    /// Its name on the command line and in the summary.
    pub fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }

    /// Where it runs.
    pub fn place(self) -> Place {
        match self {
            Self::Lint | Self::Unit => Place::NoServer,
            Self::Sql | Self::Isolation => Place::Every,
            Self::Server | Self::Oracle => Place::Concurrent,
            Self::Attack | Self::Readme => Place::Ends,
            Self::Upgrade | Self::Clients | Self::Bench => Place::Newest,
            Self::Package => Place::Fixed(&[DEBIANS_MAJOR]),
            Self::Image => Place::Fixed(&[DEBIANS_MAJOR, VOLUMES_MAJOR]),
        }
    }

    /// Its tests, if they are Rust programs.
    pub fn program(self) -> Option<Program> {
        Some(match self {
            Self::Server => ("cache_pg_server_tests", &["--test-threads=2"]),
            // The fuzzer's counts are printed.
            Self::Attack => ("cache_pg_attack_tests", &["--test-threads=2", "--nocapture"]),
            // One after the other, because each uses the whole machine. Their counts are printed.
            Self::Oracle => ("cache_pg_oracle", &["--test-threads=1", "--nocapture"]),
            Self::Upgrade => ("cache_pg_upgrade_tests", &["--test-threads=2"]),
            Self::Readme => ("cache_pg_readme_tests", &["--test-threads=2"]),
            Self::Bench => ("cache_pg_bench", &["--test-threads=2"]),
            _ => return None,
        })
    }

    /// The suites that run on a server, in the order of a test run.
    pub fn on_server() -> impl Iterator<Item = Self> {
        Self::value_variants().iter().copied().filter(|suite| suite.place() != Place::NoServer)
    }
}
