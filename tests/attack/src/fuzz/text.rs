//! Texts of the kinds that functions take: keys, tags, times, queries, tokens.
//!
//! Must never make one that the wire cannot carry.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt};

/// One of several.
pub fn pick<'a>(chance: &mut StdRng, from: &[&'a str]) -> &'a str {
    from.choose(chance).copied().unwrap_or("")
}

/// A text as a literal, whatever is in it.
pub fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A key, most often a valid one of few.
pub fn key(chance: &mut StdRng) -> String {
    let namespace = pick(chance, &["a", "a", "b", "t", "", "a:menu", "\u{e4}\u{1f980}"]);
    match chance.random_range(0..20) {
        0 => String::new(),
        1 => "k".repeat(chance.random_range(510..516)),
        2 => format!("{namespace}:\u{1}\t\n\u{7f}"),
        3 => ":".repeat(chance.random_range(1..5)),
        4 => format!("{namespace}:{}", "\u{1f980}".repeat(130)),
        5 => format!("n{}:x", chance.random_range(0..60)),
        6 => "'; DROP TABLE cache_entries; --".to_owned(),
        7 => format!("\u{1}{namespace}"),
        _ => format!("{namespace}:{}", chance.random_range(0..40)),
    }
}

/// A tag or a namespace.
pub fn tag(chance: &mut StdRng) -> String {
    match chance.random_range(0..10) {
        0 => String::new(),
        1 => format!("\u{1}{}", pick(chance, &["a", "b", ""])),
        2 => "t".repeat(chance.random_range(500..600)),
        3 => key(chance),
        _ => format!("{}{}", pick(chance, &["a", "b", "menu"]), chance.random_range(0..10)),
    }
}

/// A time to live, as text.
pub fn interval(chance: &mut StdRng) -> String {
    pick(
        chance,
        &[
            "1 hour",
            "1 minute",
            "1 second",
            "100 milliseconds",
            "1 microsecond",
            "0",
            "-1 second",
            "-178000000 years",
            "178000000 years",
            "1 month -30 days",
            "1 day -1440 minutes",
            "2147483647 days",
            "30 days",
            "31 days",
            "600",
            "infinity",
            "-infinity",
            "x",
            "",
            "1e100 seconds",
            "1 day -1 microsecond",
        ],
    )
    .to_owned()
}

/// What somebody might hand to `cache_get_or_set`.
pub fn query(chance: &mut StdRng) -> String {
    pick(
        chance,
        &[
            "SELECT 1",
            "SELECT $1",
            "SELECT $1 || $2",
            "SELECT NULL",
            "SELECT",
            "SELECT 1, 2",
            "VALUES (1), (2)",
            "TABLE plain",
            "1)); SELECT 4096::bigint WHERE ((true",
            "SELECT 4096::bigint",
            "SELECT '\\x0100005000f0000041424344'::bytea",
            "SELECT ROW(1, 'a')",
            "SELECT pg_sleep(0.05)::text",
            "SELECT 1/0",
            "SELECT cache_get_or_set('a:1', 'SELECT 1')",
            "SELECT cache_get_or_set('a:1', 'SELECT cache_get_or_set(''a:1'', ''SELECT 2'')')",
            "SELECT cache_set('a:2', '1')",
            "SELECT cache_delete('a:1')",
            "SELECT cache_clear()",
            "SELECT count(*) FROM cache_entries",
            "SELECT to_jsonb(repeat('x', 100000))",
            "WITH d AS (DELETE FROM plain RETURNING 1) SELECT count(*) FROM d",
            "SELECT 1; SELECT 2",
            "SELECT 1;",
            "-- nothing",
            "",
            "COMMIT",
            "SELECT set_config('search_path', 'x', false)",
            "SELECT pg_advisory_xact_lock(1)",
            "SELECT id FROM plain FOR UPDATE",
            "SELECT jsonb_agg(id) FROM plain",
            "SELECT nextval('counted')",
            "SELECT value FROM cache_fetch('a:3')",
            "SELECT jsonb_agg(n) FROM generate_series(1, 30000) AS n",
            "SELECT ARRAY[1, NULL]",
            "SELECT DISTINCT key FROM cache_keys() AS key",
        ],
    )
    .to_owned()
}

/// A token that was handed out, often with a byte of it changed, or something else.
pub fn token(chance: &mut StdRng, known: &[String]) -> String {
    let Some(token) = known.choose(chance) else { return key(chance) };
    let mut token = token.clone();
    match chance.random_range(0..6) {
        0 if token.is_ascii() && !token.is_empty() => {
            let at = chance.random_range(0..token.len());
            token.replace_range(at..=at, pick(chance, &["0", "f", "z", "-"]));
        }
        1 => token.push('0'),
        2 => token = token.chars().skip(1).collect(),
        3 => token = token.repeat(100),
        _ => {}
    }
    token
}

/// Anything.
pub fn noise(chance: &mut StdRng) -> String {
    let length = chance.next_u32() % 40;
    (0..length).filter_map(|_| char::from_u32(chance.random_range(1..0x3000))).collect()
}
