//! Owns which C functions a script of the extension declares, and which symbols a library has.
//!
//! A schema stays as it was until ALTER EXTENSION UPDATE, so a library runs under all scripts that were ever released.
//! Must never judge more of a function than its symbol, its arguments and its result.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol};

/// The text before the symbol in a script.
const IN_LIBRARY: &str = "'MODULE_PATHNAME'";
/// The words that end the arguments and the result of a function.
const ATTRIBUTES: [&str; 9] =
    ["language", "as", "immutable", "stable", "volatile", "strict", "parallel", "cost", "called"];

/// The C functions of a script: the symbol of each, and its arguments and result.
///
/// # Errors
/// When a function of the library cannot be read.
pub fn declared(script: &str) -> Result<BTreeMap<String, String>> {
    let text = without_comments(script);
    let mut found = BTreeMap::new();
    for (at, _) in text.match_indices(IN_LIBRARY) {
        let read = || {
            let symbol = text[at + IN_LIBRARY.len()..].split('\'').nth(1)?;
            let lower = text[..at].to_lowercase();
            let start = lower.rfind("function ")? + "function ".len();
            let signature = &lower[start..];
            Some((symbol.to_owned(), signature_of(&signature[signature.find('(')?..])))
        };
        let (symbol, signature) =
            read().with_context(|| format!("cannot read the function before {:?}", around(&text, at)))?;
        found.insert(symbol, signature);
    }
    Ok(found)
}

/// The symbols that a library exports.
///
/// # Errors
/// When it is not an object file.
pub fn exported(library: &[u8]) -> Result<BTreeSet<String>> {
    let file = object::File::parse(library).context("the library is not an object file")?;
    let defined = file.dynamic_symbols().filter(|symbol| symbol.is_definition());
    Ok(defined.filter_map(|symbol| symbol.name().ok().map(str::to_owned)).collect())
}

/// The arguments and the result, without defaults, quotes and white space that mean nothing.
fn signature_of(text: &str) -> String {
    let (mut words, mut depth, mut in_default) = (String::new(), 0_usize, false);
    for word in spaced(text).split_whitespace() {
        match word {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            _ if depth == 0 && ATTRIBUTES.contains(&word) => break,
            _ => {}
        }
        let ends_default = depth == 1 && word == "," || depth == 0;
        in_default = (in_default || depth == 1 && word == "default") && !ends_default;
        if !in_default {
            words += word;
            words.push(' ');
        }
    }
    words.trim_end().to_owned()
}

/// With spaces around what separates words, and no quotes.
fn spaced(text: &str) -> String {
    let spaced = |c: char| match c {
        '(' | ')' | '[' | ']' | ',' => format!(" {c} "),
        '"' => String::new(),
        c => c.to_string(),
    };
    text.chars().map(spaced).collect()
}

/// Without comments, in one line. No script has a comment within a quoted text.
fn without_comments(script: &str) -> String {
    let lines = script.lines().map(|line| if line.trim_start().starts_with("--") { "" } else { line });
    let mut rest = &*lines.collect::<Vec<_>>().join(" ");
    let mut text = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        text += before;
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    text + rest
}

fn around(text: &str, at: usize) -> String {
    text[..at].chars().rev().take(80).collect::<Vec<_>>().into_iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_as_pgrx_and_as_people_write_them() {
        let script = "/* made */\n-- src/read.rs:7\nCREATE  FUNCTION \"cache_get\"(\n\t\"key\" TEXT, /* Option<&str> */\n\t\
                      \"ttl\" INTERVAL DEFAULT make_interval(secs => 1)\n) RETURNS TABLE (\n\t\"value\" jsonb\n)\nSTABLE \
                      PARALLEL SAFE\nLANGUAGE c /* Rust */\nAS 'MODULE_PATHNAME', 'cache_get_wrapper';\n\
                      CREATE FUNCTION @extschema@.t(VARIADIC tags text[] DEFAULT '{}') RETURNS trigger\n    LANGUAGE c AS \
                      'MODULE_PATHNAME', 't_wrapper';\nSELECT 1;\n";
        let found = declared(script).unwrap();
        assert_eq!(found["cache_get_wrapper"], "( key text , ttl interval ) returns table ( value jsonb )");
        assert_eq!(found["t_wrapper"], "( variadic tags text [ ] ) returns trigger");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_default_in_the_middle_leaves_the_arguments_after_it() {
        assert_eq!(
            signature_of("(a int default f(1, 2), b text) returns int strict"),
            "( a int , b text ) returns int"
        );
    }

    #[test]
    fn a_library_exports_what_it_defines() {
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!exported(&own).unwrap().contains("cache_get_wrapper"));
    }
}
