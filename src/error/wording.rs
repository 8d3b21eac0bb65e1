//! How names stand in messages, and what is kept out of them.

/// Keeps Rust's backtraces out of the DETAIL that clients see, where the server's environment asks for them
/// (`RUST_BACKTRACE`): an error of PostgreSQL, such as a cancel, is no defect of ours. `RUST_LIB_BACKTRACE=1` still
/// brings them back.
pub fn silence_backtraces() {
    const CAPTURED: &str = "RUST_LIB_BACKTRACE";
    if std::env::var_os(CAPTURED).is_none() {
        // SAFETY: a PostgreSQL process has one thread.
        unsafe { std::env::set_var(CAPTURED, "0") };
    }
}

/// A name in quotes, cut to what fits a line of a log and without anything that would break it.
pub(super) fn quoted(name: &str) -> String {
    const SHOWN: usize = 60;
    let shown: String = name.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    let rest = if name.chars().nth(SHOWN).is_some() { "…" } else { "" };
    format!("\"{shown}{rest}\"")
}
