//! Owns Django's DatabaseCache, from github.com/django/django: the table of
//! `django/core/management/commands/createcachetable.py`, the statements of `django/core/cache/backends/db.py`.
//!
//! Django sends literals; here all statements are prepared, and the value is sent as it is, not as base64 of a pickle.
//! `MAX_ENTRIES` is assumed to be large enough that nothing is culled. Each set counts the table first, as Django does
//! up to 6.1 (ticket 32785).
//!
//! Must never be filled by its own sets: that takes quadratic time.

use anyhow::{Context, Result};

use super::clock;
use super::session::{Session, Ttl};
use super::sql::{Sql, parameters};
use crate::operation::{MANY, Operation};
use crate::wire::array::{array, quoted_array};
use crate::wire::postgres::{Connection, Statement};

/// Django's cache.
#[derive(Debug)]
pub struct Django;

const SCHEMA: &str = r#"
    CREATE TABLE "django_cache" (
        "cache_key" varchar(255) NOT NULL PRIMARY KEY,
        "value" text NOT NULL,
        "expires" timestamp with time zone NOT NULL
    );
    CREATE INDEX "django_cache_expires" ON "django_cache" ("expires")"#;

struct Statements {
    connection: Connection,
    get: Statement,
    get_many: Statement,
    count: Statement,
    begin: Statement,
    look: Statement,
    update: Statement,
    insert: Statement,
    commit: Statement,
    delete: Statement,
    fill: Statement,
}

impl Sql for Django {
    fn name(&self) -> &'static str {
        "Django"
    }

    /// `set_many` is a loop of `set`.
    fn offers(&self, operation: Operation) -> bool {
        operation != Operation::SetMany
    }

    fn schema(&self) -> String {
        SCHEMA.to_owned()
    }

    /// Counting what ten updates of each key do would take hours.
    fn table(&self) -> Option<&'static str> {
        None
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        let select = |count| {
            let columns = r#""cache_key", "value", "expires""#;
            format!(r#"SELECT {columns} FROM "django_cache" WHERE "cache_key" IN ({})"#, parameters(count))
        };
        Ok(Box::new(Statements {
            get: connection.prepare(&select(1))?,
            get_many: connection.prepare(&select(MANY))?,
            count: connection.prepare(r#"SELECT COUNT(*) FROM "django_cache""#)?,
            begin: connection.prepare("BEGIN")?,
            look: connection.prepare(r#"SELECT "cache_key", "expires" FROM "django_cache" WHERE "cache_key" = $1"#)?,
            update: connection
                .prepare(r#"UPDATE "django_cache" SET "value" = $1, "expires" = $2 WHERE "cache_key" = $3"#)?,
            insert: connection
                .prepare(r#"INSERT INTO "django_cache" ("cache_key", "value", "expires") VALUES ($1, $2, $3)"#)?,
            commit: connection.prepare("COMMIT")?,
            delete: connection.prepare(r#"DELETE FROM "django_cache" WHERE "cache_key" IN ($1)"#)?,
            fill: connection.prepare(
                r#"INSERT INTO "django_cache" SELECT key, value, $3::timestamptz
                   FROM unnest($1::text[], $2::text[]) AS new (key, value)"#,
            )?,
            connection,
        }))
    }
}

impl Session for Statements {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        self.connection.read(self.get, &[&versioned(key)], 1, value)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        let keys: Vec<_> = keys.iter().map(|key| versioned(key)).collect();
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        Ok(self.connection.call(self.get_many, &keys)?.rows)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        let key = versioned(key);
        let expires = clock::timestamp(clock::seconds(ttl));
        self.connection.call(self.count, &[])?;
        self.connection.call(self.begin, &[])?;
        if self.connection.call(self.look, &[&key])?.rows > 0 {
            self.connection.call(self.update, &[value, &expires, &key])?;
        } else {
            self.connection.call(self.insert, &[&key, value, &expires])?;
        }
        self.connection.call(self.commit, &[]).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        keys.iter().zip(values).try_for_each(|(key, value)| self.set(key, value, ttl))
    }

    fn fill(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        let versioned: Vec<_> = keys.iter().map(|key| versioned(key)).collect();
        let (mut keys, mut texts) = (String::new(), String::new());
        array(versioned.iter().map(String::as_str), &mut keys);
        quoted_array(values.iter().copied(), &mut texts);
        let expires = clock::timestamp(clock::seconds(ttl));
        self.connection.call(self.fill, &[&keys, &texts, &expires]).map(drop)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.delete, &[&versioned(key)]).map(drop)
    }

    /// `BaseCache.incr`: a get, then a set.
    fn incr(&mut self, key: &str) -> Result<()> {
        let mut value = Vec::new();
        self.get(key, &mut value)?;
        let next = std::str::from_utf8(&value)?.parse::<i64>().context("the counter does not exist")? + 1;
        self.set(key, &next.to_string(), Ttl::DAY)
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}

/// `make_key`: an empty prefix, version 1.
fn versioned(key: &str) -> String {
    format!(":1:{key}")
}
