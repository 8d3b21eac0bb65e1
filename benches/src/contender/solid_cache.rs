//! Owns Rails' Solid Cache, from github.com/rails/solid_cache: the table of
//! `lib/generators/solid_cache/install/templates/db/cache_structure.postgresql.sql`, the statements of
//! `app/models/solid_cache/entry.rb`.
//!
//! Rails sends reads and upserts with literals; here all statements are prepared. The row has no deadline: Rails keeps
//! it in the value. The eviction after every fifty writes is left out.
//!
//! Must never hash keys so that they collide: the server gets eight random bytes, as of SHA-256.

use std::fmt::Write;

use anyhow::{Context, Result};

use super::session::{Session, Ttl};
use super::sql::{Sql, parameters};
use crate::wire::postgres::{Connection, Statement};
use crate::{operation::MANY, random::mixed};

/// Solid Cache.
#[derive(Debug)]
pub struct SolidCache;

const SCHEMA: &str = r#"
    CREATE TABLE solid_cache_entries (
        id bigserial PRIMARY KEY,
        key bytea NOT NULL,
        value bytea NOT NULL,
        created_at timestamp(6) without time zone NOT NULL,
        key_hash bigint NOT NULL,
        byte_size integer NOT NULL
    );
    CREATE INDEX index_solid_cache_entries_on_byte_size ON solid_cache_entries (byte_size);
    CREATE UNIQUE INDEX index_solid_cache_entries_on_key_hash ON solid_cache_entries (key_hash);
    CREATE INDEX index_solid_cache_entries_on_key_hash_and_byte_size ON solid_cache_entries (key_hash, byte_size)"#;

/// The size of a row besides its key and value, as Solid Cache estimates it.
const ROW_OVERHEAD: usize = 140;

struct Statements {
    connection: Connection,
    get: Statement,
    get_many: Statement,
    set: Statement,
    set_many: Statement,
    delete: Statement,
    begin: Statement,
    lock: Statement,
    commit: Statement,
}

impl Sql for SolidCache {
    fn name(&self) -> &'static str {
        "Solid Cache"
    }

    fn schema(&self) -> String {
        SCHEMA.to_owned()
    }

    fn table(&self) -> Option<&'static str> {
        Some("solid_cache_entries")
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        let table = "\"solid_cache_entries\"";
        let select = |count| {
            format!(
                "SELECT {table}.\"key\", {table}.\"value\" FROM {table} WHERE {table}.\"key_hash\" IN ({})",
                parameters(count)
            )
        };
        let upsert = |count| {
            let row = |at: usize| format!("(${}, ${}, ${}, ${}, CURRENT_TIMESTAMP)", at + 1, at + 2, at + 3, at + 4);
            let rows: Vec<_> = (0..count).map(|at| row(at * 4)).collect();
            format!(
                "INSERT INTO {table} (\"key\",\"value\",\"key_hash\",\"byte_size\",\"created_at\") VALUES {}
                 ON CONFLICT (\"key_hash\") DO UPDATE SET \"key\"=excluded.\"key\",\"value\"=excluded.\"value\",
                     \"byte_size\"=excluded.\"byte_size\" RETURNING \"id\"",
                rows.join(", ")
            )
        };
        Ok(Box::new(Statements {
            get: connection.prepare(&select(1))?,
            get_many: connection.prepare(&select(MANY))?,
            set: connection.prepare(&upsert(1))?,
            set_many: connection.prepare(&upsert(MANY))?,
            delete: connection.prepare(&format!("DELETE FROM {table} WHERE {table}.\"key_hash\" = $1"))?,
            begin: connection.prepare("BEGIN")?,
            lock: connection.prepare(&format!("{} LIMIT 1 FOR UPDATE", select(1)))?,
            commit: connection.prepare("COMMIT")?,
            connection,
        }))
    }
}

impl Session for Statements {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        let answer = self.connection.call(self.get, &[&hash(key)])?;
        value.clear();
        match answer.column(1) {
            None => Ok(false),
            Some(hex) => unescape(hex, value).map(|()| true),
        }
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        let hashes: Vec<_> = keys.iter().map(|key| hash(key)).collect();
        Ok(self.connection.call(self.get_many, &slices(&hashes))?.rows)
    }

    fn set(&mut self, key: &str, value: &str, _: Ttl) -> Result<()> {
        self.connection.call(self.set, &slices(&row(key, value))).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], _: Ttl) -> Result<()> {
        let rows: Vec<_> = keys.iter().zip(values).flat_map(|(key, value)| row(key, value)).collect();
        self.connection.call(self.set_many, &slices(&rows)).map(drop)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.delete, &[&hash(key)]).map(drop)
    }

    /// `lock_and_write`: a transaction around a locked read and an upsert.
    fn incr(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.begin, &[])?;
        let answer = self.connection.call(self.lock, &[&hash(key)])?;
        let mut value = Vec::new();
        unescape(answer.column(1).context("the counter does not exist")?, &mut value)?;
        let next = std::str::from_utf8(&value)?.parse::<i64>()? + 1;
        self.connection.call(self.set, &slices(&row(key, &next.to_string())))?;
        self.connection.call(self.commit, &[]).map(drop)
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}

/// The parameters of one row: key, value, hash and size.
fn row(key: &str, value: &str) -> [String; 4] {
    [escape(key), escape(value), hash(key), (key.len() + value.len() + ROW_OVERHEAD).to_string()]
}

fn slices(texts: &[String]) -> Vec<&str> {
    texts.iter().map(String::as_str).collect()
}

fn hash(key: &str) -> String {
    let folded = key
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    mixed(folded).cast_signed().to_string()
}

/// Text as a bytea literal.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(2 + 2 * text.len());
    escaped.push_str("\\x");
    for byte in text.bytes() {
        // Writing to a String does not fail.
        let _ = write!(escaped, "{byte:02x}");
    }
    escaped
}

fn unescape(escaped: &[u8], text: &mut Vec<u8>) -> Result<()> {
    let hex = escaped.strip_prefix(b"\\x").context("the server did not print bytea in hex")?;
    for pair in hex.chunks_exact(2) {
        text.push(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytea_comes_back_as_it_went() {
        let mut text = Vec::new();
        unescape(escape("{\"a\": 1}").as_bytes(), &mut text).unwrap();
        assert_eq!(text, b"{\"a\": 1}");
    }
}
