//! Owns the pinning of a client and its server to one processor, for the rows of a single client.
//!
//! On a small virtual machine a request and its answer each wake a halted processor. That takes longer than the work,
//! and varies: the same binary varied threefold. On one processor, results repeat within 5 %.
//!
//! Must never leave a thread or process pinned that goes on to other work.

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// While this lives, the calling thread and a server process share one processor.
#[derive(Debug)]
pub struct Pinned {
    before: CpuSet,
    server: i32,
}

impl Pinned {
    /// Pins the calling thread and all threads of the process `server` to the last processor that they may use. None
    /// where the system does not permit it: the row is then as noisy as the others.
    pub fn together_with(server: i32) -> Option<Self> {
        let before = sched_getaffinity(Pid::from_raw(0)).ok()?;
        let last = (0..CpuSet::count()).rfind(|&cpu| before.is_set(cpu).unwrap_or(false))?;
        let mut one = CpuSet::new();
        one.set(last).ok()?;
        place(server, &one)?;
        let pinned = Self { before, server };
        sched_setaffinity(Pid::from_raw(0), &one).ok()?;
        Some(pinned)
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // A process may have ended meanwhile.
        let _ = place(self.server, &self.before);
        let _ = sched_setaffinity(Pid::from_raw(0), &self.before);
    }
}

fn place(process: i32, cpus: &CpuSet) -> Option<()> {
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let task = task.ok()?.file_name().to_string_lossy().parse().ok()?;
        sched_setaffinity(Pid::from_raw(task), cpus).ok()?;
    }
    Some(())
}

/// The processor time that all threads of a process have used, in nanoseconds.
pub fn cpu_time(process: i32) -> Option<u64> {
    let mut total = 0;
    for task in std::fs::read_dir(format!("/proc/{process}/task")).ok()? {
        let schedstat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        total += schedstat.split_whitespace().next()?.parse::<u64>().ok()?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_gets_its_processors_back() {
        let before = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pinned = Pinned::together_with(child.id().cast_signed());
        drop(pinned);
        assert_eq!(sched_getaffinity(Pid::from_raw(0)).unwrap(), before);
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
