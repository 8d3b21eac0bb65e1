//! One check: its name, status and text.
//!
//! Owns what all checks have in common: how a value is compared with a threshold, and the words for what is unknown.
//! Must never know what is checked.

use super::readings::ENOUGH;
use std::fmt;

/// A value beyond this multiple of its threshold is critical.
pub(super) const CRITICAL: f64 = 2.0;
/// A list names at most this many objects.
const NAMED: usize = 5;

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// No action is needed.
    Ok,
    /// An administrator should look at it.
    Warning,
    /// An administrator must act.
    Critical,
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// A row of `cache_health`.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// The name, by which monitoring finds it.
    pub name: &'static str,
    /// The result.
    pub status: Status,
    /// The value that was read, with its unit.
    pub value: String,
    /// The value up to which the status is `ok`, with its unit.
    pub threshold: String,
    /// The recommended action; None while the status is `ok`.
    pub advice: Option<String>,
}

/// A check whose `advice` is given only if the status is not `ok`.
pub(super) fn check(
    name: &'static str,
    status: Status,
    value: String,
    threshold: String,
    advice: impl Into<String>,
) -> Check {
    let advice = (status != Status::Ok).then(|| advice.into());
    Check { name, status, value, threshold, advice }
}

/// A check whose value is not known yet.
pub(super) fn unknown(name: &'static str, threshold: String) -> Check {
    check(name, Status::Ok, "not known yet".into(), threshold, "")
}

/// A check that is critical unless the list is empty.
pub(super) fn none_of(name: &'static str, found: &[String], advice: &str) -> Check {
    let value = match found.len() {
        0 => "none".into(),
        number if number <= NAMED => found.join(", "),
        number => format!("{}, and {} more", found[..NAMED].join(", "), number - NAMED),
    };
    let status = if found.is_empty() { Status::Ok } else { Status::Critical };
    check(name, status, value, "none".into(), advice)
}

/// The status of a value that should be at most `limit`.
pub(super) fn beyond(value: f64, limit: f64) -> Status {
    match () {
        () if value <= limit => Status::Ok,
        () if value <= limit * CRITICAL => Status::Warning,
        () => Status::Critical,
    }
}

/// The share of `part` in the sum of both; None while the sum is too small to judge.
pub(super) fn share(part: u64, rest: u64) -> Option<f64> {
    let all = part + rest;
    (all >= ENOUGH).then(|| part as f64 / all as f64)
}

/// A share in words.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
