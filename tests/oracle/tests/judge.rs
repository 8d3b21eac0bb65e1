//! The judge itself: what it forbids, and what it must let pass.

use cache_pg_oracle::history::{History, Read};
use cache_pg_oracle::view::View;
use serde_json::json;

const VIEW: View = View::Row(0);

fn in_doubt(history: &History) -> i64 {
    let version = history.attempt(0, 1);
    history.committing(0, 1, version);
    version
}

fn commit(history: &History) -> i64 {
    let version = in_doubt(history);
    history.committed(0, 1, version);
    version
}

fn about_to_read(history: &History) -> Read {
    history.about_to_read(2, "cache_get", VIEW, None)
}

/// Whether `read` may return `version`.
fn allowed(history: &History, read: &Read, version: i64) -> bool {
    let before = history.violations().len();
    history.judge(read, &json!({ "0": version }));
    history.violations().len() == before
}

#[test]
fn an_older_value_is_stale_if_the_commit_came_before_the_read() {
    let history = History::new();
    let early = about_to_read(&history);
    let version = commit(&history);
    let late = about_to_read(&history);
    assert!(allowed(&history, &early, 0) && allowed(&history, &early, version));
    assert!(!allowed(&history, &late, 0) && allowed(&history, &late, version));
}

#[test]
fn a_snapshot_may_be_as_old_as_its_transaction() {
    let history = History::new();
    let floors = history.floors();
    commit(&history);
    let read = history.about_to_read(2, "cache_get", VIEW, Some(floors));
    assert!(allowed(&history, &read, 0));
}

#[test]
fn a_version_that_somebody_has_read_from_the_source_is_committed() {
    let history = History::new();
    let version = in_doubt(&history);
    history.seen_in_source(3, VIEW, &json!({ "0": version }));
    assert!(!allowed(&history, &about_to_read(&history), 0));
}

#[test]
fn what_was_not_committed_must_not_be_seen() {
    let history = History::new();
    let read = about_to_read(&history);
    let version = history.attempt(0, 1);
    assert!(!allowed(&history, &read, version));
    history.rolled_back(0, 1, version);
    assert!(!allowed(&history, &read, version));
    assert!(!allowed(&history, &read, 1_000_000));
}

#[test]
fn a_commit_in_doubt_may_be_seen_or_not_until_the_server_is_back() {
    let history = History::new();
    let first = in_doubt(&history);
    let read = about_to_read(&history);
    assert!(allowed(&history, &read, 0) && allowed(&history, &read, first));
    history.recovered(0, first);
    let second = in_doubt(&history);
    history.recovered(0, first);
    let read = about_to_read(&history);
    assert!(!allowed(&history, &read, 0) && allowed(&history, &read, first) && !allowed(&history, &read, second));
}

#[test]
fn a_commit_that_was_acknowledged_must_survive_a_crash() {
    let history = History::new();
    commit(&history);
    history.recovered(0, 0);
    assert_eq!(history.violations().len(), 1);
    let version = in_doubt(&history);
    history.recovered(0, 0);
    history.committed(0, 1, version);
    assert_eq!(history.violations().len(), 3, "both are still missed");
}
