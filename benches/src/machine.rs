//! Owns the description of the machine that was measured on.
//!
//! Must never contain its name, a path or an address.

use std::fs;

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

/// A load average for each processor. Times from a busy machine mean little; counts are still right.
pub fn busy(load: f64) -> f64 {
    load / std::thread::available_parallelism().map_or(1, usize::from) as f64
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
    fn fields_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: Some CPU\nMemTotal:  16 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU"));
        assert_eq!(field(text, "MemTotal"), Some("16 kB"));
        assert_eq!(field(text, "absent"), None);
    }
}
