//! Reading a server's log: what must never stand in it.
//!
//! Must never overlook a line because it is of another database than the one under attack: a crash is everybody's.

use xtask::cluster::Cluster;

/// The prefix of a line: the time, the process, the kind of process, the database, and the SQLSTATE.
pub const PREFIX: &str = "%m [%p] %b <%d> %e ";

/// What must not be in `cluster`'s log from byte `from` on: a crash, a failed assertion, a panic, and in `database`,
/// or where no database is named, an internal error.
pub fn severe(cluster: &Cluster, from: usize, database: &str) -> Vec<String> {
    let log = cluster.log();
    log.get(from..).unwrap_or(&log).lines().filter(|line| is_severe(line, database)).map(str::to_owned).collect()
}

fn is_severe(line: &str, database: &str) -> bool {
    let crashed = ["PANIC:", "TRAP:", "was terminated by signal"].iter().any(|word| line.contains(word));
    let elsewhere = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).is_some_and(|(name, rest)| {
        let internal = rest.trim_start().starts_with("XX");
        !internal || !(name.is_empty() || name == database)
    });
    crashed || !elsewhere && line.contains("> XX")
}
