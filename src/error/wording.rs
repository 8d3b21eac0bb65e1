//! How names and reasons stand in messages, and what is kept out of messages.
//!
//! Owns these forms. Must never know an error.

use std::fmt::Display;

/// Keeps Rust's backtraces out of the DETAIL that clients see, where the server's environment asks for them
/// (`RUST_BACKTRACE`): an error of PostgreSQL, such as a cancel, is no defect of the extension.
/// `RUST_LIB_BACKTRACE=1` still brings them back.
pub fn silence_backtraces() {
    const CAPTURED: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(CAPTURED).is_none() {
        // SAFETY: a PostgreSQL process has one thread.
        unsafe { std::env::set_var(CAPTURED, "0") };
    }
}

/// A name in double quotes, at most 60 characters of it, with control characters escaped.
pub(super) fn quoted(name: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let rest = if name.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("\"{shown}{rest}\"")
}

/// A reason as a sentence: with a capital and a full stop.
pub(super) fn sentence(reason: &impl Display) -> String {
    let reason = reason.to_string();
    let mut rest = reason.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).chain(['.']).collect()
}
