//! Telling near caches, the small caches inside applications, which entries to drop.
//!
//! Owns the messages on the channel `cache_pg`, sent by NOTIFY at the commit, for namespaces with the option `notify`.
//! Other namespaces pay for one check of a flag. Changes that were rolled back to a savepoint are sent all the same,
//! and cost a near cache one look-up. Must never send anything for a transaction that aborts.

use crate::error::{CacheError, ErrorReport};
use crate::{catalog::ExtensionTables, namespaces, pg::transaction};
use cache_pg_rules::near::{Changes, Message};
use cache_pg_rules::{key::Key, namespace::Namespace};
use pgrx::prelude::*;
use pgrx::{IntoDatum, pg_sys};
use serde::Serialize;
use std::cell::RefCell;

const CHANNEL: &str = "cache_pg";

thread_local! {
    /// The changes of the transaction, and the namespaces that had `notify` on at its first change.
    static CHANGED: RefCell<Option<(Changes, Vec<String>)>> = const { RefCell::new(None) };
}

/// Records that the value of a key was written or deleted.
pub fn key(tables: &ExtensionTables, key: Key) {
    if namespaces::someone_listens(tables) && namespaces::of(tables, key).notifies() {
        remember(tables, |changes| changes.key(key));
    }
}

/// Records that the entries of a namespace, or of all, were deleted.
pub fn namespace(tables: &ExtensionTables, namespace: Option<Namespace>) {
    if namespaces::someone_listens(tables) {
        let concerned = namespaces::listening(tables);
        let concerned = concerned.iter().filter(|name| namespace.is_none_or(|it| it.as_str() == name.as_str()));
        concerned.for_each(|name| remember(tables, |changes| changes.namespace(name)));
    }
}

/// Records that tags were invalidated.
pub fn tags(tables: &ExtensionTables, tags: &[&str]) {
    if namespaces::someone_listens(tables) {
        remember(tables, |changes| tags.iter().for_each(|tag| changes.tag(tag)));
    }
}

fn remember(tables: &ExtensionTables, change: impl FnOnce(&mut Changes)) {
    transaction::run_hooks_at_end();
    if CHANGED.with_borrow(Option::is_none) {
        let listening = namespaces::listening(tables);
        CHANGED.set(Some((Changes::default(), listening)));
    }
    CHANGED.with_borrow_mut(|changed| changed.as_mut().map(|(changes, _)| change(changes)));
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Payload {
    Key(String),
    Namespace(String),
    Tag(String),
}

fn send(changes: Changes, listening: &[String]) {
    for message in changes.messages(listening.iter().map(String::as_str)) {
        let payload = match message {
            Message::Key(key) => Payload::Key(key),
            Message::Namespace(name) => Payload::Namespace(name),
            Message::Tag(tag) => Payload::Tag(tag),
        };
        // A text can always be written as JSON. A key is shorter than the longest payload even with each byte escaped.
        let payload = serde_json::to_string(&payload).unwrap_or_default();
        // SAFETY: the function takes two texts and returns nothing; before the commit NOTIFY is allowed.
        unsafe { pgrx::direct_function_call::<()>(pg_sys::pg_notify, &[CHANNEL.into_datum(), payload.into_datum()]) };
    }
}

/// Sends the messages before the commit.
pub fn at_end_of_transaction(event: pg_sys::XactEvent::Type) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE};
    if !matches!(event, XACT_EVENT_PRE_COMMIT | XACT_EVENT_PRE_PREPARE | XACT_EVENT_ABORT) {
        return;
    }
    let Some((changes, listening)) = CHANGED.take() else { return };
    match event {
        XACT_EVENT_PRE_COMMIT => send(changes, &listening),
        XACT_EVENT_PRE_PREPARE if !changes.is_empty() => {
            ErrorReport::from(CacheError::Prepare).report(PgLogLevel::ERROR)
        }
        _ => {}
    }
}
