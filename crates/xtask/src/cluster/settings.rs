//! Owns the configuration of one cluster: a file that `postgresql.conf` includes last.
//!
//! Must never weaken durability by default: tests rely on it.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;

use crate::{files, process};

/// The name of the file in the data directory.
pub const FILE: &str = "cluster.conf";

/// Names and values, in the order of their names.
#[derive(Clone, Debug)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// The settings of a small server for tests.
    pub fn small() -> Self {
        let mut settings = Self(BTreeMap::new());
        for (name, value) in [
            ("shared_preload_libraries", "cache_pg"),
            ("listen_addresses", "127.0.0.1"),
            ("max_connections", "150"),
            ("max_worker_processes", "16"),
            ("shared_buffers", "32MB"),
            ("log_line_prefix", "%m [%p] %b %d "),
            ("log_timezone", "UTC"),
            ("timezone", "UTC"),
        ] {
            settings.set(name, value);
        }
        settings
    }

    /// Sets `name`, in place of an earlier value.
    pub fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// Writes them for the server in `data`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, data: &Path) -> Result<()> {
        let file = data.join(FILE);
        files::put(self.text().as_bytes(), &file, 0o644)?;
        files::set_owner(&file, process::server_user()?.as_ref())
    }

    fn text(&self) -> String {
        self.0.iter().map(|(name, value)| format!("{name} = '{}'\n", value.replace('\'', "''"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_and_the_last_one_counts() {
        let mut settings = Settings(BTreeMap::new());
        settings.set("search_path", "old");
        settings.set("search_path", "it's");
        assert_eq!(settings.text(), "search_path = 'it''s'\n");
    }
}
