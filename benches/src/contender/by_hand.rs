//! Owns the hand-written cache: a table with a primary key and a btree on the deadline, an upsert, a SELECT that tests
//! the deadline, and a DELETE in batches that skips locked rows.
//!
//! Must never be worse than a careful person's: it has `COLLATE "C"`, jsonb and prepared statements, as cache_pg does.

use anyhow::Result;

use super::session::{Session, Ttl};
use super::{names, sql::Sql};
use crate::wire::array::{array, quoted_array};
use crate::wire::postgres::{Connection, Statement};

/// A hand-written cache.
#[derive(Debug)]
pub struct ByHand {
    name: &'static str,
    table: &'static str,
    settings: &'static str,
}

impl ByHand {
    /// Default settings.
    pub const DEFAULT: Self = Self { name: names::BY_HAND, table: "TABLE", settings: "" };

    /// No transaction waits for the disk.
    pub const ASYNC: Self =
        Self { name: names::BY_HAND_ASYNC, settings: "SET synchronous_commit = off", ..Self::DEFAULT };

    /// Nothing is written to the WAL.
    pub const UNLOGGED: Self = Self { name: names::BY_HAND_UNLOGGED, table: "UNLOGGED TABLE", ..Self::DEFAULT };
}

struct Statements {
    connection: Connection,
    get: Statement,
    get_many: Statement,
    set: Statement,
    set_many: Statement,
    delete: Statement,
    incr: Statement,
    sweep: Statement,
    keys: String,
    values: String,
}

impl Sql for ByHand {
    fn name(&self) -> &'static str {
        self.name
    }

    fn schema(&self) -> String {
        let kind = self.table;
        format!(
            "CREATE {kind} cache (
                 key text COLLATE \"C\" PRIMARY KEY,
                 value jsonb NOT NULL,
                 expires_at timestamptz NOT NULL
             );
             CREATE INDEX ON cache (expires_at)"
        )
    }

    fn settings(&self) -> &'static str {
        self.settings
    }

    /// Sessions that do not wait for the disk write the same WAL.
    fn table(&self) -> Option<&'static str> {
        self.settings.is_empty().then_some("cache")
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        const UPSERT: &str = "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at";
        Ok(Box::new(Statements {
            get: connection.prepare("SELECT value FROM cache WHERE key = $1 AND expires_at > now()")?,
            get_many: connection
                .prepare("SELECT key, value FROM cache WHERE key = ANY ($1::text[]) AND expires_at > now()")?,
            set: connection.prepare(&format!(
                "INSERT INTO cache (key, value, expires_at) VALUES ($1, $2, now() + $3::interval) {UPSERT}"
            ))?,
            set_many: connection.prepare(&format!(
                "INSERT INTO cache (key, value, expires_at)
                 SELECT key, value, now() + $3::interval FROM unnest($1::text[], $2::jsonb[]) AS new (key, value) {UPSERT}"
            ))?,
            delete: connection.prepare("DELETE FROM cache WHERE key = $1")?,
            incr: connection.prepare(
                "INSERT INTO cache AS old (key, value, expires_at) VALUES ($1, '1', now() + interval '5 minutes')
                 ON CONFLICT (key) DO UPDATE SET value = to_jsonb(old.value::bigint + 1) RETURNING value",
            )?,
            sweep: connection.prepare(
                "DELETE FROM cache WHERE ctid = ANY (ARRAY(
                     SELECT ctid FROM cache WHERE expires_at <= now() ORDER BY expires_at
                     LIMIT $1 FOR UPDATE SKIP LOCKED))",
            )?,
            keys: String::new(),
            values: String::new(),
            connection,
        }))
    }
}

impl Session for Statements {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        self.connection.read(self.get, &[key], 0, value)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        array(keys.iter().map(String::as_str), &mut self.keys);
        Ok(self.connection.call(self.get_many, &[&self.keys])?.rows)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        self.connection.call(self.set, &[key, value, ttl.text]).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        array(keys.iter().map(String::as_str), &mut self.keys);
        quoted_array(values.iter().copied(), &mut self.values);
        self.connection.call(self.set_many, &[&self.keys, &self.values, ttl.text]).map(drop)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.delete, &[key]).map(drop)
    }

    fn incr(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.incr, &[key]).map(drop)
    }

    fn sweep(&mut self, batch: u32) -> Result<u64> {
        Ok(self.connection.call(self.sweep, &[&batch.to_string()])?.affected)
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}
