//! What happened in a run, counted.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[doc = $doc:literal])+ $name:ident: $shown:literal,)*) => {
        /// What is counted.
        #[derive(Clone, Copy, Debug)]
        pub enum Count {
            $($(#[doc = $doc])+ $name,)*
        }

        const SHOWN: &[&str] = &[$($shown),*];
    };
}

counts! {
    /// Every call that may return a value.
    Reads: "reads",
    /// Those that did, all judged.
    Hits: "hits",
    /// Those of them that `cache_fetch` called stale, which means expired.
    StaleHits: "hits after their deadline",
    /// Misses that came with a token.
    Tokens: "tokens",
    /// Fills that were stored.
    Accepted: "fills accepted",
    /// Fills that came too late.
    Refused: "fills refused",
    /// Values that workers computed before the deadline and stored, as far as a crash has not taken their number away.
    Refreshed: "refreshes",
    /// Those that came too late.
    RefreshesRefused: "refreshes refused",
    /// Keys that were put in line to be warmed.
    PutInLine: "keys put in line",
    /// Those that workers computed and stored.
    Warmed: "keys warmed",
    /// Tokens given back.
    Released: "releases",
    /// Old snapshots, held until somebody else had changed what they see, or had had the time to.
    Kept: "old snapshots",
    /// Transactions that changed the source and committed.
    Commits: "commits",
    /// Those that rolled back.
    RolledBack: "rollbacks",
    /// Those whose COMMIT a crash left unanswered.
    InDoubt: "commits in doubt",
    /// Prepared transactions that a crash has left to be ended.
    Prepared: "prepared transactions left",
    /// Commands that alter the tables of the cache, or empty them.
    Commands: "tables altered",
    /// ATTACH and DETACH.
    Partitions: "partitions attached or detached",
    /// Calls that delete or invalidate.
    Invalidations: "invalidations",
    /// Rows that the sessions swept themselves; the worker sweeps too.
    Swept: "rows swept",
    /// Serialization failures of reads and writes of the source, and of blind sets.
    Conflicts: "conflicts of the caller's own",
    /// Errors that come of altering tables: locks not to be had, deadlocks about them, rows without a partition.
    Altered: "errors for altered tables",
    /// Those that `SERIALIZABLE` found among what transactions had read, whoever made them read it.
    Dependencies: "read/write dependencies",
    /// Those that were raised by a function that promises not to (P5).
    Blamed: "conflicts of the cache's making",
    /// `kill -9` of the whole server.
    Crashes: "crashes",
}

/// One counter for each.
#[derive(Debug, Default)]
pub struct Tally([AtomicU64; SHOWN.len()]);

impl Tally {
    /// One more.
    pub fn add(&self, count: Count) {
        self.add_many(count, 1);
    }

    /// Several more.
    pub fn add_many(&self, count: Count, number: u64) {
        self.0[count as usize].fetch_add(number, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn get(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (shown, number) in SHOWN.iter().zip(&self.0) {
            writeln!(f, "{:>10} {shown}", number.load(Ordering::Relaxed))?;
        }
        Ok(())
    }
}
