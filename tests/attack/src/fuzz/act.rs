//! What a session does beside calling functions: rows by plain SQL, tables that are watched, transactions, and for the
//! owner what changes the tables themselves.
//!
//! Must never do what no privilege allows: everything is a statement of SQL.

use rand::RngExt;
use rand::rngs::StdRng;

use super::text::{self, pick, quoted};

/// A statement on the extension's own tables that tries to leave an odd row.
pub fn hostile_row(chance: &mut StdRng) -> String {
    let (key, tag) = (quoted(&text::key(chance)), quoted(&text::tag(chance)));
    let (column, value) = odd_value(chance);
    let deadline = pick(
        chance,
        &["now() + '1 hour'", "now()", "'infinity'", "'-infinity'", "now() + '100 milliseconds'", "'294276-01-01'"],
    );
    match chance.random_range(0..12) {
        0 => format!("UPDATE cache_entries SET {column} = {value} WHERE key = {key}"),
        1 => format!("UPDATE cache_entries SET {column} = {value} WHERE random() < 0.01"),
        2 => format!("DELETE FROM cache_entries WHERE key = {key}"),
        3 => format!("UPDATE cache_entries SET key = {key} WHERE key = {}", quoted(&text::key(chance))),
        4 => format!(
            "INSERT INTO cache_tags (tag, generation, version) VALUES ({tag}, 7, {}::xid8)",
            pick(chance, &["'3'", "'9223372036854775808'", "pg_current_xact_id()", "'18446744073709551615'"])
        ),
        5 => format!("UPDATE cache_tags SET generation = {} WHERE tag = {tag}", chance.random_range(0..100)),
        6 => format!("DELETE FROM cache_tags WHERE tag = {tag}"),
        7 => format!(
            "INSERT INTO cache_namespaces (namespace, {}) VALUES ('{}', {})",
            "default_ttl",
            pick(chance, &["a", "b", "n1"]),
            pick(chance, &["'-1 day'", "'0'", "'178000000 years'", "'1 hour'"])
        ),
        8 => format!(
            "UPDATE cache_namespaces SET {}",
            pick(
                chance,
                &[
                    "loader = 'load_odd(text)'",
                    "loader = NULL",
                    "jitter = 'NaN'",
                    "max_entries = 1",
                    "stale_for = '-1 day'",
                    "notify = true"
                ],
            )
        ),
        9 => "DELETE FROM cache_namespaces".to_owned(),
        _ => format!(
            "INSERT INTO cache_entries (key, expires_at, {column}) VALUES ({key}, {deadline}, {value})
             ON CONFLICT (key) DO UPDATE SET {column} = EXCLUDED.{column}"
        ),
    }
}

/// A column of `cache_entries`, or several, with an odd value.
fn odd_value(chance: &mut StdRng) -> (&'static str, &'static str) {
    const VALUES: [(&str, &str); 18] = [
        ("value", "'1'"),
        ("value", "NULL"),
        ("value", "(SELECT jsonb_agg(md5(n::text)) FROM generate_series(1, 500) AS n)"),
        ("version", "'9223372036854775808'::xid8"),
        ("version", "'0'::xid8"),
        ("created_at", "'infinity'::timestamptz"),
        ("created_at", "'4713-01-01 BC'::timestamptz"),
        ("updated_at", "'-infinity'::timestamptz"),
        ("updated_at", "'294276-12-31'::timestamptz"),
        ("stale_until", "'infinity'::timestamptz"),
        ("lease_until", "'infinity'::timestamptz"),
        ("lease_id", "5"),
        ("load_us", "-9223372036854775808"),
        ("load_us", "9223372036854775807"),
        ("tags", "'{NULL}'::text[]"),
        ("tags", "'{{a,b},{c,d}}'::text[]"),
        ("tag_generations", "'{NULL}'::bigint[]"),
        ("tag_generations", "array_fill(0, '{5000}')::bigint[]"),
    ];
    VALUES[chance.random_range(0..VALUES.len())]
}

/// A change of a table that may be watched.
pub fn watched(chance: &mut StdRng) -> String {
    let (table, id) = (pick(chance, &["menu", "plain", "menu"]), chance.random_range(0..200));
    match chance.random_range(0..5) {
        0 | 1 => format!("INSERT INTO {table} VALUES ({id}, 'x') ON CONFLICT DO NOTHING"),
        2 => format!("UPDATE {table} SET name = name || 'y' WHERE id % 20 = {}", id % 20),
        3 => format!("DELETE FROM {table} WHERE id = {id}"),
        _ => format!("TRUNCATE {table}"),
    }
}

/// What begins, ends or splits a transaction.
pub fn transaction(chance: &mut StdRng) -> String {
    match chance.random_range(0..10) {
        0..=2 => format!(
            "BEGIN ISOLATION LEVEL {}",
            pick(chance, &["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SERIALIZABLE READ ONLY"])
        ),
        3 | 4 => "COMMIT".to_owned(),
        5 => "ROLLBACK".to_owned(),
        6 => "SAVEPOINT s".to_owned(),
        7 => "ROLLBACK TO s".to_owned(),
        8 => "RELEASE s".to_owned(),
        _ => {
            let name = chance.random_range(0..5);
            if chance.random() {
                format!("PREPARE TRANSACTION 'p{name}'")
            } else {
                format!("{} PREPARED 'p{name}'", pick(chance, &["COMMIT", "ROLLBACK"]))
            }
        }
    }
}

/// What its owner does to a table, and a session to itself.
pub fn change(chance: &mut StdRng) -> String {
    let table = pick(chance, &["cache_entries", "cache_entries", "cache_tags", "cache_namespaces"]);
    match chance.random_range(0..17) {
        0 => format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"),
        1 => format!("ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"),
        2 => format!("CREATE TRIGGER fuzz BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION fuzz_trigger()"),
        3 | 4 => format!("DROP TRIGGER IF EXISTS fuzz ON {table}"),
        5 => format!("TRUNCATE {table}"),
        6 => format!("VACUUM {table}"),
        7 => "CREATE INDEX fuzz_index ON cache_entries (expires_at)".to_owned(),
        8 => "DROP INDEX IF EXISTS fuzz_index".to_owned(),
        9 => "ALTER TABLE cache_entries ADD COLUMN fuzz_column int DEFAULT 7".to_owned(),
        10 => "ALTER TABLE cache_entries ADD CONSTRAINT fuzz_check CHECK (key <> 'a:7')".to_owned(),
        11 => "ALTER TABLE cache_entries DROP CONSTRAINT IF EXISTS fuzz_check".to_owned(),
        12 => format!("SELECT cache_persistence('{}')", pick(chance, &["logged", "unlogged"])),
        13 => format!("VACUUM FULL {table}"),
        14 => "CREATE TABLE IF NOT EXISTS fuzz_referring (key text COLLATE \"C\" REFERENCES cache_entries ON DELETE CASCADE)".to_owned(),
        15 => "INSERT INTO fuzz_referring SELECT key FROM cache_entries LIMIT 3".to_owned(),
        _ => "DROP TABLE IF EXISTS fuzz_referring".to_owned(),
    }
}

/// A setting of the session.
pub fn setting(chance: &mut StdRng) -> String {
    pick(
        chance,
        &[
            "SET cache_pg.default_ttl = 1",
            "SET cache_pg.default_ttl = 2147483647",
            "SET cache_pg.async_commit = off",
            "SET jit = off",
            "SET statement_timeout = '30ms'",
            "SET statement_timeout = '3s'",
            "SET default_transaction_read_only = on",
            "SET default_transaction_read_only = off",
            "SET plan_cache_mode = force_generic_plan",
            "SET enable_indexscan = off",
            "SET search_path = pg_temp, public",
            "SET row_security = off",
            "SET row_security = on",
            "DISCARD ALL",
            "SET timezone = 'Asia/Kathmandu'",
            "SET ROLE fuzz_tenant",
            "RESET ROLE",
            "SET datestyle = 'German'",
            "SET intervalstyle = 'iso_8601'",
            "SET work_mem = '64kB'",
            "SET debug_parallel_query = on",
            "SET force_parallel_mode = on",
            "SET session_replication_role = replica",
            "SET session_replication_role = origin",
            "RESET ALL",
        ],
    )
    .to_owned()
}
