//! The text that several statements share.
//!
//! Owns the fragments of `sql/fragments` and how a statement has them: `@live(CLOCK)` is `live.sql` with CLOCK for
//! `@clock@`, `@valid@` is `valid.sql` and `@has_value@` is `has_value.sql`. In a statement that has one, the row of
//! `cache_entries` is called `e`. Must never put a value into a statement.

macro_rules! fragment {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/fragments/", $file))
    };
}

const LIVE: &str = fragment!("live.sql");
const VALID: &str = fragment!("valid.sql");
const HAS_VALUE: &str = fragment!("has_value.sql");

/// The statement with its fragments.
pub(super) fn filled(sql: &str) -> String {
    let (mut filled, mut rest) = (String::new(), sql);
    while let Some((before, clock, after)) = live(rest) {
        filled.push_str(before);
        filled.push_str(&body(LIVE).replace("@clock@", clock));
        rest = after;
    }
    filled.push_str(rest);
    filled.replace("@valid@", body(VALID)).replace("@has_value@", body(HAS_VALUE))
}

/// What stands before the first `@live(CLOCK)`, the clock, and what stands after it.
fn live(sql: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = sql.split_once("@live(")?;
    let mut open = 1;
    let end = rest.find(|one| {
        open += i32::from(one == '(') - i32::from(one == ')');
        open == 0
    })?;
    Some((before, &rest[..end], &rest[end + 1..]))
}

/// A fragment without the comment in its first line.
fn body(fragment: &str) -> &str {
    fragment.split_once('\n').map_or(fragment, |(_, body)| body.trim_end())
}
