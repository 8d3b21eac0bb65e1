//! Writing entries.
//!
//! Each verb is one statement, atomic by the unique index; liveness is judged after the row is locked, not before.

use crate::access::Access;
use crate::datum::{Jsonb, TextArray, Timestamp, Xid8};
use crate::durability::may_be_forgotten;
use crate::namespaces::Deadline;
use crate::statement::{IntoParam, Statement, statement};
use crate::sweep::directory;
use cache_pg_rules::key::Key;

static SET: Statement =
    statement!("set.sql", [TEXTOID, JSONBOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static ADD: Statement =
    statement!("add.sql", [TEXTOID, JSONBOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static REPLACE: Statement = statement!(
    "replace.sql",
    [TEXTOID, JSONBOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, XID8OID]
);
static TOUCH: Statement = statement!("touch.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static INCR: Statement = statement!("incr.sql", [TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static SET_MANY: Statement = statement!(
    "set_many.sql",
    [TEXTARRAYOID, JSONBARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID]
);

/// What must hold for a write to happen.
#[derive(Clone, Copy)]
pub enum Condition {
    /// Nothing.
    Always,
    /// No live entry has the key.
    Absent,
    /// A live entry has the key.
    Live,
    /// A live entry has the key, last written by this transaction.
    Version(Xid8),
}

/// An entry to be written.
pub struct New<'a> {
    pub key: Key<'a>,
    pub value: Jsonb,
    pub deadline: Deadline,
}

/// Writes an entry if `condition` holds, and says whether it did.
pub fn put(access: &Access, new: &New, tags: Option<TextArray>, now: Timestamp, condition: Condition) -> bool {
    let mut params = vec![
        new.key.as_str().param(),
        new.value.param(),
        tags.param(),
        now.param(),
        new.deadline.expires_at.param(),
        new.deadline.stale_until.param(),
    ];
    let statement = match condition {
        Condition::Always => &SET,
        Condition::Absent => &ADD,
        Condition::Live => &REPLACE,
        Condition::Version(_) => &REPLACE,
    };
    match condition {
        Condition::Live => params.push(None),
        Condition::Version(version) => params.push(version.param()),
        Condition::Always | Condition::Absent => {}
    }
    directory::note_write();
    may_be_forgotten(access, |home| statement.write(home, &params, |rows| rows.len() > 0))
}

/// Writes entries, which must be in byte order of their keys and each key once; returns how many.
pub fn put_many(access: &Access, new: &[New], tags: Option<TextArray>, now: Timestamp) -> usize {
    let params = [
        new.iter().map(|new| new.key.as_str()).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.value).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.deadline.expires_at).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.deadline.stale_until).collect::<Vec<_>>().param(),
        tags.param(),
        now.param(),
    ];
    directory::note_write();
    may_be_forgotten(access, |home| SET_MANY.write(home, &params, |rows| rows.len()))
}

/// Gives a live entry a new deadline, and says whether there was one.
pub fn touch(access: &Access, key: Key, deadline: Deadline) -> bool {
    let params = [key.as_str().param(), deadline.expires_at.param(), deadline.stale_until.param()];
    directory::note_write();
    may_be_forgotten(access, |home| TOUCH.write(home, &params, |rows| rows.len() > 0))
}

/// Adds `delta` to the integer of a live entry, or starts one from 0; None: the value is not an integer.
pub fn incr(access: &Access, key: Key, delta: i64, deadline: Deadline, now: Timestamp) -> Option<i64> {
    let params =
        [key.as_str().param(), delta.param(), now.param(), deadline.expires_at.param(), deadline.stale_until.param()];
    directory::note_write();
    may_be_forgotten(access, |home| INCR.write(home, &params, |rows| rows.get(0, 1)))
}
