//! Owns Keyv with its PostgreSQL adapter, version 6, from github.com/jaredwray/keyv: the tables and statements of
//! `storage/postgres/src/index.ts`.
//!
//! Keyv sends unnamed statements; here they are prepared.
//!
//! Must never use the namespace column: the keys of the benchmark contain their namespace.

use anyhow::{Result, bail};

use super::session::{Session, Ttl};
use super::{clock, sql::Sql};
use crate::operation::Operation;
use crate::wire::array::{array, quoted_array};
use crate::wire::postgres::{Connection, Statement};

/// Keyv.
#[derive(Debug)]
pub struct Keyv;

const SCHEMA: &str = r#"
    CREATE TABLE "public"."keyv" (
        key VARCHAR(255) NOT NULL, value TEXT, namespace VARCHAR(255) DEFAULT NULL, expires BIGINT DEFAULT NULL);
    CREATE UNIQUE INDEX "keyv_key_namespace_idx" ON "public"."keyv" (key, COALESCE(namespace, ''));
    CREATE INDEX "keyv_expires_idx" ON "public"."keyv" (expires) WHERE expires IS NOT NULL"#;

struct Statements {
    connection: Connection,
    get: Statement,
    get_many: Statement,
    set: Statement,
    set_many: Statement,
    delete: Statement,
    keys: String,
    values: String,
    deadlines: String,
}

impl Sql for Keyv {
    fn name(&self) -> &'static str {
        "Keyv"
    }

    fn offers(&self, operation: Operation) -> bool {
        operation != Operation::Incr
    }

    fn schema(&self) -> String {
        SCHEMA.to_owned()
    }

    fn table(&self) -> Option<&'static str> {
        Some("keyv")
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        const SAME: &str = "COALESCE(namespace, '') = COALESCE(NULL::text, '')";
        const UPSERT: &str = "ON CONFLICT(key, COALESCE(namespace, ''))
            DO UPDATE SET value=excluded.value, expires=excluded.expires";
        let keyv = r#""public"."keyv""#;
        Ok(Box::new(Statements {
            get: connection.prepare(&format!("SELECT * FROM {keyv} WHERE key = $1 AND {SAME}"))?,
            get_many: connection.prepare(&format!("SELECT * FROM {keyv} WHERE key = ANY($1) AND {SAME}"))?,
            set: connection.prepare(&format!(
                "INSERT INTO {keyv} (key, value, namespace, expires) VALUES($1, $2, NULL, $3) {UPSERT}"
            ))?,
            set_many: connection.prepare(&format!(
                "INSERT INTO {keyv} (key, value, namespace, expires)
                 SELECT k, v, NULL, e FROM UNNEST($1::text[], $2::text[], $3::bigint[]) AS t(k, v, e) {UPSERT}"
            ))?,
            delete: connection.prepare(&format!("DELETE FROM {keyv} WHERE key = $1 AND {SAME} RETURNING 1"))?,
            keys: String::new(),
            values: String::new(),
            deadlines: String::new(),
            connection,
        }))
    }
}

impl Session for Statements {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        self.connection.read(self.get, &[key], 1, value)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        array(keys.iter().map(String::as_str), &mut self.keys);
        Ok(self.connection.call(self.get_many, &[&self.keys])?.rows)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        self.connection.call(self.set, &[key, value, &clock::millis(ttl).to_string()]).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        array(keys.iter().map(String::as_str), &mut self.keys);
        quoted_array(values.iter().copied(), &mut self.values);
        let deadline = clock::millis(ttl).to_string();
        array(keys.iter().map(|_| deadline.as_str()), &mut self.deadlines);
        self.connection.call(self.set_many, &[&self.keys, &self.values, &self.deadlines]).map(drop)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.delete, &[key]).map(drop)
    }

    fn incr(&mut self, _: &str) -> Result<()> {
        bail!("Keyv does not support this request")
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}
