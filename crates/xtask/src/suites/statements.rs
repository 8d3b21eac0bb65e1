//! Owns the rules for `sql/statements` and `sql/fragments`: the caller's search path finds nothing in them, and no
//! statement spells out what a fragment says.
//!
//! It knows the few forms that the project uses, with keywords in upper case and names in lower case. It is no parser.
//! Must never accept a form that it does not know to be safe; `tests/server/tests/evil_schema.rs` runs the statements.

use std::fs;

use anyhow::{Result, bail};

use crate::{files, paths};

/// Each of these calls an operator that is found by the search path.
const FORBIDDEN: [&str; 9] = ["BETWEEN", "CAST", "ILIKE", "IN", "LIKE", "NATURAL", "NULLIF", "OVERLAPS", "SIMILAR"];
/// Functions of the grammar, which no schema has.
const OF_THE_GRAMMAR: [&str; 4] = ["coalesce", "extract", "greatest", "least"];
/// A condition that only the fragments spell out.
const OF_FRAGMENTS: &str = ".cache_tags_hold(";
/// After `SET`, `=` assigns; after the others it compares.
const CLAUSES: [&str; 8] = ["AND", "HAVING", "ON", "OR", "SELECT", "SET", "WHEN", "WHERE"];
/// What stands before the name of a relation.
const BEFORE_RELATION: [&str; 5] = ["FROM", "INTO", "JOIN", "UPDATE", "USING"];

/// Looks at every statement and every fragment.
///
/// # Errors
/// When one breaks a rule; all that do are named.
pub fn check() -> Result<()> {
    let mut faults = Vec::new();
    for dir in ["sql/statements", "sql/fragments"] {
        for file in files::under(&paths::project().join(dir), "")? {
            let name = file.file_name().unwrap_or_default().display().to_string();
            let text = fs::read_to_string(&file)?;
            let repeated = (dir == "sql/statements" && text.contains(OF_FRAGMENTS))
                .then(|| format!("{OF_FRAGMENTS}..) instead of @live(clock) or @valid@"));
            faults.extend(of(&text).into_iter().chain(repeated).map(|fault| format!("{dir}/{name}: {fault}")));
        }
    }
    if faults.is_empty() { Ok(()) } else { bail!("{}", faults.join("\n")) }
}

fn of(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let at = |n: usize| tokens.get(n).map_or("", String::as_str);
    let known = names_given(&tokens);
    let mut faults = Vec::new();
    let (mut clause, mut around) = ("", Vec::new());
    let mut n = 0;
    while n < tokens.len() {
        let (before, token, after) = (if n == 0 { "" } else { at(n - 1) }, at(n), at(n + 1));
        let mut fault = |why: &str| faults.push(format!("{why}: {before} {token} {after}"));
        match token {
            "(" | "CASE" => around.push(clause),
            ")" | "END" => clause = around.pop().unwrap_or_default(),
            _ if CLAUSES.contains(&token) => clause = token,
            _ => {}
        }
        match token {
            "OPERATOR" => {
                let end = matching(&tokens, n + 1);
                if !at(n + 2).starts_with("pg_catalog.") {
                    fault("an operator without its schema");
                }
                n = end;
            }
            _ if FORBIDDEN.contains(&token) => fault("an operator without its schema"),
            "USING" if after == "(" => fault("an operator without its schema"),
            "DISTINCT" if after == "FROM" => fault("an operator without its schema"),
            "CASE" if after != "WHEN" => fault("an operator without its schema"),
            "COLLATE" if !after.starts_with("pg_catalog.") => fault("a collation without its schema"),
            "::" if !after.starts_with("pg_catalog.") => fault("a type without its schema"),
            "=" if clause == "SET" => {}
            "::" | "*" => {}
            _ if is_operator(token) => fault("an operator without its schema"),
            _ if is_name(token) && after == "(" => {
                let lists_columns = before == "AS" || at(matching(&tokens, n + 1) + 1) == "AS";
                if !lists_columns && !OF_THE_GRAMMAR.contains(&token) {
                    fault("a function without its schema");
                }
            }
            _ if is_name(token) && BEFORE_RELATION.contains(&before) && !known.contains(&token) => {
                fault("a relation without its schema");
            }
            _ => {}
        }
        n += 1;
    }
    faults
}

/// The names of `WITH`: each stands before `AS (`, `AS MATERIALIZED (` or a list of columns and `AS (`.
fn names_given(tokens: &[String]) -> Vec<&str> {
    let at = |n: usize| tokens.get(n).map_or("", String::as_str);
    let is_given = |n: usize| {
        let next = if at(n + 1) == "(" { matching(tokens, n + 1) + 1 } else { n + 1 };
        is_name(at(n)) && at(next) == "AS" && ["(", "MATERIALIZED"].contains(&at(next + 1))
    };
    (0..tokens.len()).filter(|&n| is_given(n)).map(at).collect()
}

/// Where the parenthesis closes that opens at `open`.
fn matching(tokens: &[String], open: usize) -> usize {
    let mut depth = 0;
    for (n, token) in tokens.iter().enumerate().skip(open) {
        match token.as_str() {
            "(" => depth += 1,
            ")" if depth == 1 => return n,
            ")" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

/// A name without a schema.
fn is_name(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_lowercase() || first == '_') && !token.contains('.')
}

fn is_operator(token: &str) -> bool {
    token.chars().all(|one| "+-*/<>=~!@#%^&|`?:".contains(one))
}

/// Words with all that belongs to their names, operators, and single marks; texts and comments are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("--") {
            let line = rest.find('\n').unwrap_or(rest.len());
            rest = &rest[line..];
            continue;
        } else if first == '\'' {
            let end = rest[1..].find('\'').map_or(rest.len(), |end| end + 2);
            rest = &rest[end..];
            tokens.push("''".to_owned());
            continue;
        } else if in_word(first) {
            let mut quoted = false;
            rest.find(|one| {
                quoted ^= one == '"';
                !quoted && !in_word(one)
            })
        } else if is_operator(&first.to_string()) {
            rest.find(|one: char| !is_operator(&one.to_string()))
        } else {
            Some(first.len_utf8())
        };
        let (token, after) = rest.split_at(length.unwrap_or(rest.len()));
        rest = after;
        if !token.trim().is_empty() {
            tokens.push(token.to_owned());
        }
    }
    tokens
}

/// `@` is that of `@extschema@`.
fn in_word(one: char) -> bool {
    one.is_ascii_alphanumeric() || "_$.\"@".contains(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(sql: &str) -> bool {
        !of(sql).is_empty()
    }

    #[test]
    fn what_finds_an_operator_by_the_search_path_is_refused() {
        for sql in [
            "SELECT $1 IS DISTINCT FROM $2",
            "SELECT $1 IS NOT DISTINCT FROM $2",
            "SELECT NULLIF($1, $2)",
            "SELECT $1 IN (1, 2)",
            "SELECT $1 NOT IN (1, 2)",
            "SELECT $1 BETWEEN 1 AND 2",
            "SELECT $1 LIKE 'a'",
            "SELECT CASE $1 WHEN 1 THEN 2 END",
            "SELECT CASE a.b WHEN 1 THEN 2 END",
            "SELECT CAST($1 AS pg_catalog.int8)",
            "SELECT 1 FROM a.b JOIN a.c USING (d)",
            "SELECT 1 FROM a.b NATURAL JOIN a.c",
            "SELECT 1 FROM a.b WHERE c = $1",
            "SELECT 1 FROM a.b JOIN a.c ON b.d = c.d",
            "SELECT $1 + 1",
            "SELECT $1 <> 1",
            "SELECT $1 || 'a'",
            "SELECT $1 OPERATOR(public.=) 1",
            "UPDATE a.b SET c = 1 WHERE d = 2",
        ] {
            assert!(is_refused(sql), "{sql}");
        }
    }

    #[test]
    fn a_name_without_its_schema_is_refused() {
        for sql in [
            "SELECT $1::text",
            "SELECT $1::bigint",
            "SELECT '{a}'::\"char\"[]",
            "SELECT a.b COLLATE \"C\" FROM a.c",
            "SELECT count(*) FROM a.b",
            "SELECT pg_catalog.max(length(b)) FROM a.b",
            "SELECT 1 FROM pg_class",
            "SELECT 1 FROM a.b JOIN pg_class AS c ON true",
            "INSERT INTO cache_tags DEFAULT VALUES",
            "DELETE FROM cache_tags",
            "UPDATE cache_tags SET tag = $1",
        ] {
            assert!(is_refused(sql), "{sql}");
        }
    }

    #[test]
    fn what_is_qualified_or_belongs_to_the_grammar_passes() {
        for sql in [
            "-- $1 IN (a)\nSELECT coalesce($1, 'a IN (b) = c'), pg_catalog.count(*) FROM @extschema@.cache_tags AS t",
            "WITH a AS MATERIALIZED (SELECT 1 AS b), c (d) AS (SELECT 2) SELECT b FROM a JOIN c ON true",
            "UPDATE @extschema@.cache_tags AS t SET tag = CASE WHEN t.tag IS NULL THEN $1 ELSE $2 END, version = $3",
            "DELETE FROM a.b USING a.c WHERE b.d OPERATOR(pg_catalog.=) c.d",
            "SELECT $1::pg_catalog.\"char\"[], e.key COLLATE pg_catalog.\"C\" FROM pg_catalog.unnest($1) AS e (key)",
            "SELECT extract(epoch FROM pg_catalog.now()) FROM a.b FOR UPDATE SKIP LOCKED",
        ] {
            assert_eq!(of(sql), Vec::<String>::new(), "{sql}");
        }
    }

    #[test]
    fn the_statements_of_the_extension_pass() {
        check().unwrap();
    }
}
