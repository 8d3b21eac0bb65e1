//! Owns the end of a server when its [`Cluster`] is dropped.
//!
//! Must never end a server that was left running on purpose.

use std::time::Duration;

use super::control::StopMode;
use super::leftovers;
use super::server::Cluster;

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.left_running {
            return;
        }
        if self.is_running() && self.stop_within(StopMode::Immediate, Duration::from_secs(10)).is_err() {
            let _ = self.kill9();
        }
        if std::thread::panicking() || std::env::var_os("CACHE_PG_KEEP").is_some() {
            leftovers::keep(&self.dir);
            eprintln!("the server's directory is kept: {}", self.dir.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.dir);
        }
    }
}
