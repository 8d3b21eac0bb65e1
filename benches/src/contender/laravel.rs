//! Owns Laravel's database store, from github.com/laravel/framework: the statements of
//! `src/Illuminate/Cache/DatabaseStore.php` as `src/Illuminate/Database/Query/Grammars/PostgresGrammar.php` writes
//! them, and the table of `src/Illuminate/Cache/Console/stubs/cache.stub`, whose deadline is indexed since Laravel 12.
//!
//! PDO prepares a statement again for each call; here all are prepared once. The value is sent as it is, not
//! serialized.
//!
//! Must never leave out the second key that `forget` deletes.

use anyhow::{Context, Result};

use super::clock;
use super::session::{Session, Ttl};
use super::sql::{Sql, parameters};
use crate::operation::MANY;
use crate::wire::postgres::{Connection, Statement};

/// Laravel's cache.
#[derive(Debug)]
pub struct Laravel;

const SCHEMA: &str = r#"
    CREATE TABLE "cache" ("key" varchar(255) NOT NULL, "value" text NOT NULL, "expiration" bigint NOT NULL);
    ALTER TABLE "cache" ADD PRIMARY KEY ("key");
    CREATE INDEX "cache_expiration_index" ON "cache" ("expiration")"#;

struct Statements {
    connection: Connection,
    get: Statement,
    get_many: Statement,
    set: Statement,
    set_many: Statement,
    delete: Statement,
    begin: Statement,
    lock: Statement,
    update: Statement,
    commit: Statement,
}

impl Sql for Laravel {
    fn name(&self) -> &'static str {
        "Laravel"
    }

    fn schema(&self) -> String {
        SCHEMA.to_owned()
    }

    fn table(&self) -> Option<&'static str> {
        Some("cache")
    }

    fn session(&self, mut connection: Connection) -> Result<Box<dyn Session>> {
        let select = |count| format!(r#"select * from "cache" where "key" in ({})"#, parameters(count));
        let upsert = |count| {
            let row = |at: usize| format!("(${}, ${}, ${})", at + 1, at + 2, at + 3);
            let rows: Vec<_> = (0..count).map(|at| row(at * 3)).collect();
            format!(
                r#"insert into "cache" ("expiration", "key", "value") values {} on conflict ("key") do update set
                   "expiration" = "excluded"."expiration", "key" = "excluded"."key", "value" = "excluded"."value""#,
                rows.join(", ")
            )
        };
        Ok(Box::new(Statements {
            get: connection.prepare(&select(1))?,
            get_many: connection.prepare(&select(MANY))?,
            set: connection.prepare(&upsert(1))?,
            set_many: connection.prepare(&upsert(MANY))?,
            delete: connection.prepare(r#"delete from "cache" where "key" in ($1, $2)"#)?,
            begin: connection.prepare("BEGIN")?,
            lock: connection.prepare(r#"select * from "cache" where "key" = $1 limit 1 for update"#)?,
            update: connection.prepare(r#"update "cache" set "value" = $1 where "key" = $2"#)?,
            commit: connection.prepare("COMMIT")?,
            connection,
        }))
    }
}

impl Session for Statements {
    fn get(&mut self, key: &str, value: &mut Vec<u8>) -> Result<bool> {
        self.connection.read(self.get, &[key], 1, value)
    }

    fn get_many(&mut self, keys: &[String]) -> Result<usize> {
        let keys: Vec<_> = keys.iter().map(String::as_str).collect();
        Ok(self.connection.call(self.get_many, &keys)?.rows)
    }

    fn set(&mut self, key: &str, value: &str, ttl: Ttl) -> Result<()> {
        self.connection.call(self.set, &[&clock::seconds(ttl).to_string(), key, value]).map(drop)
    }

    fn set_many(&mut self, keys: &[String], values: &[&str], ttl: Ttl) -> Result<()> {
        let expiration = clock::seconds(ttl).to_string();
        let rows: Vec<_> =
            keys.iter().zip(values).flat_map(|(key, value)| [&expiration, key.as_str(), value]).collect();
        self.connection.call(self.set_many, &rows).map(drop)
    }

    fn delete(&mut self, key: &str) -> Result<()> {
        let created = format!("illuminate:cache:flexible:created:{key}");
        self.connection.call(self.delete, &[key, &created]).map(drop)
    }

    fn incr(&mut self, key: &str) -> Result<()> {
        self.connection.call(self.begin, &[])?;
        let answer = self.connection.call(self.lock, &[key])?;
        let value = answer.column(1).context("the counter does not exist")?;
        let next = std::str::from_utf8(value)?.parse::<i64>()? + 1;
        self.connection.call(self.update, &[&next.to_string(), key])?;
        self.connection.call(self.commit, &[]).map(drop)
    }

    fn process(&self) -> i32 {
        self.connection.process()
    }
}
