//! Owns this project as a contender, called as its documents say.
//!
//! Must never use anything that is not in `docs/reference.md`.

use anyhow::Result;

use super::session::{Session, Ttl};
use super::{names, sql::Sql};
use crate::wire::postgres::{Connection, Statement};
use crate::{servers::postgres::Postgres, wire::array::array};

/// The function that changes the persistence of the cache.
const PERSISTENCE: &str = "cache_persistence";

/// This project.
#[derive(Debug)]
pub struct CachePg {
    name: &'static str,
    schema: &'static str,
    settings: &'static str,
}

impl CachePg {
    /// Default settings: a set does not wait for the disk, a delete does.
    pub const DEFAULT: Self = Self { name: names::CACHE_PG, schema: "CREATE EXTENSION cache_pg", settings: "" };

    /// No transaction waits for the disk.
    pub const ASYNC: Self =
        Self { name: names::CACHE_PG_ASYNC, settings: "SET synchronous_commit = off", ..Self::DEFAULT };

    /// Nothing is written to the WAL.
    pub const UNLOGGED: Self = Self {
        name: names::CACHE_PG_UNLOGGED,
        schema: "CREATE EXTENSION cache_pg; SELECT cache_persistence('unlogged')",
        ..Self::DEFAULT
    };

    /// Whether the installed extension has an unlogged mode.
    ///
    /// # Errors
    /// When the extension cannot be created.
    pub fn can_be_unlogged(postgres: &Postgres) -> Result<bool> {
        const PROBE: &str = "probe";
        postgres.create_database(PROBE)?;
        postgres.session(PROBE)?.run(Self::DEFAULT.schema)?;
        let can = postgres.has_function(PROBE, PERSISTENCE)?;
        postgres.drop_database(PROBE)?;
        Ok(can)
    }
}

struct Calls {
    connection: Connection,
    get: Statement,
    get_many: Statement,
    set: Statement,
    set_many: Statement,
    delete: Statement,
    incr: Statement,
    sweep: Statement,
    text: String,
}

impl Sql for CachePg {
    fn name(&self) -> &'static str {
        self.name
    }

    fn schema(&self) -> String {
        self.schema.to_owned()
    }

    fn settings(&self) -> &'static str {
        self.settings
    }

    /// Sessions that do not wait for the disk write the same WAL.
    fn table(&self) -> Option<&'static str> {
        self.settings.is_empty().then_some("cache_entries")
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        Ok(Box::new(Calls {
            get: connection.prepare("SELECT cache_get($1)")?,
            get_many: connection.prepare("SELECT key, value FROM cache_get_many($1)")?,
            set: connection.prepare("SELECT cache_set($1, $2, $3)")?,
            set_many: connection.prepare("SELECT cache_set_many($1, $2)")?,
            delete: connection.prepare("SELECT cache_delete($1)")?,
            incr: connection.prepare("SELECT cache_incr($1)")?,
            sweep: connection.prepare("SELECT cache_sweep($1)")?,
            text: String::new(),
            connection,
        }))
    }
}

impl Session for Calls {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        self.connection.read(self.get, &[key], 0, value)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        array(keys.iter().map(String::as_str), &mut self.text);
        Ok(self.connection.call(self.get_many, &[&self.text])?.rows)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        self.connection.call(self.set, &[key, value, ttl.text]).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        self.text.clear();
        for (key, value) in keys.iter().zip(values) {
            self.text.push(if self.text.is_empty() { '{' } else { ',' });
            self.text.extend(["\"", key, "\":", value]);
        }
        self.text.push('}');
        self.connection.call(self.set_many, &[&self.text, ttl.text]).map(drop)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.delete, &[key]).map(drop)
    }

    fn incr(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.incr, &[key]).map(drop)
    }

    fn sweep(&mut self, batch: u32) -> Result<u64> {
        let answer = self.connection.call(self.sweep, &[&batch.to_string()])?;
        Ok(std::str::from_utf8(answer.column(0).unwrap_or(b"0"))?.parse()?)
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}
