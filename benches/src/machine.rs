//! Owns the description of the machine that was measured on, and whether it is quiet.
//!
//! Must never contain its name, a path or an address.

use std::{fs, time::Duration};

use xtask::cluster;

use crate::servers::postgres::Postgres;

/// Processors, memory, system and server, in one line.
pub fn described(postgres: &Postgres) -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH);
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split(['-', '\n']).next().unwrap_or_default();
    let place = if cpuinfo.contains(" hypervisor") { "virtual processors" } else { "processors" };
    format!(
        "{cpus} {place} ({model}), {} GB of memory, Linux {kernel}, PostgreSQL {}",
        memory_megabytes().div_ceil(1024),
        postgres.version()
    )
}

/// The load average of the last minute: how many processes ran or wanted to run. None: the system does not say.
pub fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The highest load average for each processor of a quiet machine. Times from a busy one mean little; counts are still
/// right.
const QUIET: f64 = 0.5;

/// Whether this load average is that of a quiet machine. None: the system does not say, so it may be busy.
pub fn is_quiet(load: Option<f64>) -> bool {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    load.is_some_and(|load| load <= QUIET * processors as f64)
}

/// Waits until the machine is quiet, for at most `most`: building the benchmark raises the load average, which falls
/// within a minute or two. False: the machine is still busy, or does not say.
pub fn await_quiet(most: Duration, mut load: impl FnMut() -> Option<f64>) -> bool {
    let mut last = None;
    let waited = cluster::poll(most, "a quiet machine", || {
        last = load();
        Ok(last.is_none() || is_quiet(last))
    });
    waited.is_ok() && last.is_some()
}

/// The memory of this machine.
pub fn memory_megabytes() -> u64 {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = field(&meminfo, "MemTotal").and_then(|value| value.split(' ').next()?.parse::<u64>().ok());
    kilobytes.unwrap_or_default() / 1024
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.filter(|(found, _)| found.trim() == name).map(|(_, value)| value.trim()).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_load_of_the_build_passes_before_the_benchmark_begins() {
        let mut loads = [f64::INFINITY, f64::INFINITY, 0.0, 7.0].into_iter();
        assert!(await_quiet(Duration::from_secs(60), || loads.next()));
        assert_eq!(loads.next(), Some(7.0));
    }

    #[test]
    fn a_machine_that_stays_busy_or_does_not_say_is_not_quiet() {
        assert!(!await_quiet(Duration::ZERO, || Some(f64::INFINITY)));
        assert!(!await_quiet(Duration::from_secs(60), || None));
        assert!(!is_quiet(None));
    }

    #[test]
    fn fields_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU\nMemTotal:  16 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU"));
        assert_eq!(field(text, "MemTotal"), Some("16 kB"));
        assert_eq!(field(text, "absent"), None);
    }
}
