//! Hostile arguments, by the name and the type of what a function takes.
//!
//! Must never fail for a type that it does not know: a new function is called with what there is.

use rand::RngExt;
use rand::rngs::StdRng;

use super::function::Function;
use super::text::{self, pick, quoted};

/// A call of `function`, as SQL. Arguments with a default may be left out.
pub fn call(chance: &mut StdRng, function: &Function, tokens: &[String]) -> String {
    let left_out = chance.random_range(0..=function.defaults.min(function.types.len()));
    let given = function.types.len() - left_out;
    let mut arguments: Vec<String> =
        (0..given).map(|at| literal(chance, &function.types[at], &function.arguments[at], tokens)).collect();
    if function.is_variadic
        && given == function.types.len()
        && let Some(last) = arguments.last_mut()
    {
        last.insert_str(0, "VARIADIC ");
    }
    let call = format!("{}({})", function.name, arguments.join(", "));
    if chance.random_ratio(1, 2) { format!("SELECT * FROM {call}") } else { format!("SELECT {call}") }
}

/// A value of the type called `kind`, for an argument called `name`.
fn literal(chance: &mut StdRng, kind: &str, name: &str, tokens: &[String]) -> String {
    if chance.random_ratio(1, 25) {
        return format!("NULL::{kind}");
    }
    match kind {
        "text" => format!("{}::text", quoted(&texts(chance, name, tokens))),
        "text[]" => array(chance, "text", |chance| quoted(&texts(chance, name, tokens))),
        "bigint[]" => array(chance, "bigint", |chance| number(chance).to_owned()),
        "jsonb" => json(chance),
        "interval" => format!("{}::interval", quoted(&text::interval(chance))),
        "bigint" => format!("{}::bigint", quoted(number(chance))),
        "integer" => pick(chance, &["0", "1", "-1", "10", "1000", "2147483647", "(-2147483648)"]).to_owned(),
        "double precision" => {
            let value =
                pick(chance, &["0", "0.5", "1", "-1", "NaN", "Infinity", "-Infinity", "1e308", "-0", "1e-320", "100"]);
            format!("'{value}'::float8")
        }
        "boolean" => pick(chance, &["true", "false"]).to_owned(),
        "xid8" => {
            format!("'{}'::xid8", pick(chance, &["0", "3", "800", "9223372036854775808", "18446744073709551615"]))
        }
        "regclass" => format!("{}::regclass", table(chance)),
        "regprocedure" => format!(
            "{}::regprocedure",
            pick(
                chance,
                &[
                    "'load_one(text)'",
                    "'load_error(text)'",
                    "'load_null(text)'",
                    "'load_deep(text)'",
                    "'load_odd(text)'",
                    "'lower(text)'",
                    "0",
                    "1",
                    "'cache_get(text)'",
                    "4294967295",
                ],
            )
        ),
        _ => format!("{}::{kind}", quoted(&text::noise(chance))),
    }
}

/// A table to watch, or what is none.
fn table(chance: &mut StdRng) -> &'static str {
    pick(
        chance,
        &[
            "'menu'",
            "'menu'",
            "'plain'",
            "'plain'",
            "'menu_low'",
            "'seen'",
            "'counted'",
            "'menu_pkey'",
            "'cache_entries'",
            "'cache_tags'",
            "'pg_class'",
            "'pg_authid'",
            "0",
            "1",
            "4294967295",
        ],
    )
}

fn texts(chance: &mut StdRng, name: &str, tokens: &[String]) -> String {
    if chance.random_ratio(1, 30) {
        return text::noise(chance);
    }
    match name {
        "tags" => text::tag(chance),
        "ttl" => text::interval(chance),
        "query" => text::query(chance),
        "token" => text::token(chance, tokens),
        "namespace" | "prefix" => pick(chance, &["a", "b", "t", "", "a:menu", "n1", ":"]).to_owned(),
        "persistence" | "mode" => pick(chance, &["logged", "unlogged", "LOGGED", "", "temp"]).to_owned(),
        "keys" if chance.random_ratio(1, 4) => {
            pick(chance, &["a:{id}", "{name}", "{", "}", "{{id}}", "{nosuch}", "a:{id}:{name}"]).to_owned()
        }
        _ => text::key(chance),
    }
}

fn number(chance: &mut StdRng) -> &'static str {
    pick(
        chance,
        &["0", "1", "-1", "2", "100", "-9223372036854775808", "9223372036854775807", "4294967296", "2147483648"],
    )
}

fn json(chance: &mut StdRng) -> String {
    match chance.random_range(0..12) {
        0 => "(SELECT jsonb_agg(repeat('x', 1000)) FROM generate_series(1, 2000))".to_owned(),
        1 => format!(
            "(SELECT jsonb_object_agg('a:many:' || n, n) FROM generate_series(1, {}) AS n)",
            chance.random_range(1..2000)
        ),
        2 => format!("jsonb_build_object({}, 1, {}, 'x')", quoted(&text::key(chance)), quoted(&text::key(chance))),
        3 => "(repeat('[', 1000) || repeat(']', 1000))::jsonb".to_owned(),
        4 => format!("to_jsonb({}::text)", quoted(&text::noise(chance))),
        _ => {
            let value = pick(
                chance,
                &[
                    "null",
                    "1",
                    "-1",
                    "9223372036854775807",
                    "9223372036854775808",
                    "1e400",
                    "\"x\"",
                    "[]",
                    "{}",
                    "{\"a:1\": 1}",
                    "true",
                    "0.5",
                ],
            );
            format!("'{value}'::jsonb")
        }
    }
}

/// An array, now and then of two dimensions, with NULLs, without elements, very long, or with odd bounds.
fn array(chance: &mut StdRng, kind: &str, mut element: impl FnMut(&mut StdRng) -> String) -> String {
    let mut some =
        |chance: &mut StdRng, count: usize| (0..count).map(|_| element(chance)).collect::<Vec<_>>().join(", ");
    match chance.random_range(0..12) {
        0 => format!("'{{}}'::{kind}[]"),
        1 => format!("ARRAY[NULL, {}]::{kind}[]", some(chance, 1)),
        2 => format!("ARRAY[[{}], [{}]]::{kind}[]", some(chance, 2), some(chance, 2)),
        3 => format!(
            "array_fill({}::{kind}, ARRAY[{}])",
            some(chance, 1),
            ["3", "1000", "1025", "30000"][chance.random_range(0..4)]
        ),
        4 => format!("array_fill({}::{kind}, '{{3}}', '{{-5}}')", some(chance, 1)),
        5 => format!("ARRAY[NULL]::{kind}[]"),
        _ => {
            let count = chance.random_range(1..6);
            format!("ARRAY[{}]::{kind}[]", some(chance, count))
        }
    }
}
