//! Reading a server's log: what must never stand in it.
//!
//! Must never overlook a line because it is of another database than the one under attack: a crash is everybody's.

use xtask::cluster::Cluster;

/// The prefix of a line: the time, the process, the kind of process, the database, and the SQLSTATE.
pub const PREFIX: &str = "%m [%p] %b <%d> %e ";

/// The classes of SQLSTATEs that no input may cause: internal errors, and files that are missing or cannot be read.
const INTERNAL: [&str; 2] = ["XX", "58"];

/// What must not be in `cluster`'s log from byte `from` on: a crash, a failed assertion, a panic, and in `database`,
/// or where no database is named, an internal error.
pub fn severe(cluster: &Cluster, from: usize, database: &str) -> Vec<String> {
    let log = cluster.log();
    log.get(from..).unwrap_or(&log).lines().filter(|line| is_severe(line, database)).map(str::to_owned).collect()
}

fn is_severe(line: &str, database: &str) -> bool {
    let crashed = ["PANIC:", "TRAP:", "was terminated by signal"].iter().any(|word| line.contains(word));
    let elsewhere = line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).is_some_and(|(name, rest)| {
        let internal = INTERNAL.iter().any(|class| rest.trim_start().starts_with(class));
        !internal || !(name.is_empty() || name == database)
    });
    crashed || !elsewhere && INTERNAL.iter().any(|class| line.contains(&format!("> {class}")))
}
