//! The blind verbs as statements: set, touch, count, delete.
//!
//! Owns their parameters. Each is one statement, atomic by the unique index. Must never judge liveness before the row
//! is locked.

use super::entry;
use crate::heap::{Contention, Decision, Seen, Table, change, snapshot};
use crate::pg::{Timestamp, Value, Xid8, backend, clock};
use crate::statement::{IntoParam, Rows, Statement, statement};
use crate::store::range::{self, Keys};
use crate::store::types::{Condition, NewEntry};
use crate::store::{fence, open, tags::Tagged, trial};
use crate::{access::Access, catalog::ExtensionTables, error::CacheError, namespaces::Deadline};
use cache_pg_rules::{key::Key, namespace::KeyRange};

static ADD: Statement = statement_of_entry!("add.sql", BOOLOID, JSONBOID);
static REPLACE: Statement = statement_of_entry!("replace.sql", BOOLOID, XID8OID, JSONBOID);
static TOUCH: Statement = statement!("touch.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, XID8OID]);
static INCR: Statement =
    statement!("incr.sql", [TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID]);
static INCR_LIVE: Statement = statement!("incr_live.sql", [TEXTOID, INT8OID, TIMESTAMPTZOID]);
static SET_MANY: Statement = statement!(
    "set_many.sql",
    [
        TEXTARRAYOID,
        JSONBARRAYOID,
        BYTEAARRAYOID,
        TIMESTAMPTZARRAYOID,
        TIMESTAMPTZARRAYOID,
        BOOLOID,
        TEXTARRAYOID,
        TIMESTAMPTZOID,
        INT8ARRAYOID
    ]
);
static DELETE: Statement = statement!("delete.sql", [TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static LOCK_LIVE: Statement = statement!("lock_live.sql", [TEXTOID]);
static ADD_TOMBSTONE: Statement = statement!("add_tombstone.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);
static CLEAR: Statement = statement!("clear.sql", [TEXTOID, TEXTOID, BOOLOID, TIMESTAMPTZOID, TIMESTAMPTZOID]);

/// # Errors
/// [`CacheError::Serialization`].
pub fn put(
    access: &Access,
    new: &NewEntry,
    tagged: Option<Tagged>,
    condition: Condition,
) -> Result<Option<Timestamp>, CacheError> {
    let json = |value: Value| value.json().param();
    let (statement, further) = match condition {
        Condition::Always => return put_all(access, std::slice::from_ref(new), tagged, |rows| rows.get(0, 1)),
        Condition::Absent => (&ADD, vec![None]),
        Condition::AbsentOrHolds(value) => (&ADD, vec![json(value)]),
        Condition::Live => (&REPLACE, vec![None, None]),
        Condition::Version(version) => (&REPLACE, vec![version.param(), None]),
        Condition::Holds(value) => (&REPLACE, vec![None, json(value)]),
    };
    let params = [&entry::params(new, tagged)[..], &[new.deadline.keeps.param()], &further].concat();
    let write = |tables: &ExtensionTables| statement.write(tables, &params, |rows| rows.get(0, 1));
    write_unremoved(access, [new.key], write, Option::is_some)
}

/// # Errors
/// [`CacheError::Serialization`].
pub fn put_many(access: &Access, new: &[NewEntry], tagged: Option<Tagged>) -> Result<usize, CacheError> {
    // Whether the deadlines stay is one parameter of the statement. Entries that differ in it are written one by one.
    if new.chunk_by(|one, two| one.deadline.keeps == two.deadline.keeps).count() > 1 {
        let mut written = 0;
        for new in new {
            written += usize::from(put(access, new, tagged, Condition::Always)?.is_some());
        }
        return Ok(written);
    }
    put_all(access, new, tagged, Rows::len)
}

fn put_all<R>(
    access: &Access,
    new: &[NewEntry],
    tagged: Option<Tagged>,
    take: impl Fn(&Rows) -> R,
) -> Result<R, CacheError> {
    let tagged = new.first().and_then(|new| new.tagged(tagged));
    let params = [
        new.iter().map(|new| new.key.as_str()).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.value.and_then(Value::json)).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.value.and_then(Value::bytes)).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.deadline.expires_at).collect::<Vec<_>>().param(),
        new.iter().map(|new| new.deadline.stale_until).collect::<Vec<_>>().param(),
        new.first().is_some_and(|new| new.deadline.keeps).param(),
        tagged.map(|tagged| tagged.tags).param(),
        new.first().map(|new| new.set_at).param(),
        tagged.map(|tagged| tagged.generations),
    ];
    write_unremoved(access, new.iter().map(|new| new.key), |tables| SET_MANY.write(tables, &params, &take), |_| true)
}

/// # Errors
/// [`CacheError::Serialization`].
pub fn touch(
    access: &Access,
    key: Key,
    deadline: Deadline,
    version: Option<Xid8>,
) -> Result<Option<Option<Value>>, CacheError> {
    let Deadline { expires_at, stale_until, keeps } = deadline;
    let params = [key.as_str().param(), expires_at.param(), stale_until.param(), keeps.param(), version.param()];
    let touched = |rows: &Rows| (rows.len() > 0).then(|| rows.value(0, 1));
    write_unremoved(access, [key], |tables| TOUCH.write(tables, &params, touched), Option::is_some)
}

/// # Errors
/// [`CacheError::NotAnInteger`], [`CacheError::Serialization`].
pub fn incr(
    access: &Access,
    key: Key,
    delta: i64,
    initial: Option<i64>,
    deadline: Deadline,
) -> Result<Option<i64>, CacheError> {
    let params = [
        key.as_str().param(),
        delta.param(),
        clock::now().param(),
        deadline.expires_at.param(),
        deadline.stale_until.param(),
        initial.param(),
    ];
    let sum = |rows: &Rows| (rows.len() > 0).then(|| rows.get(0, 1));
    let write = |tables: &ExtensionTables| match initial {
        Some(_) => INCR.write(tables, &params, sum),
        None => INCR_LIVE.write(tables, &params[..3], sum),
    };
    let sum = write_unremoved(access, [key], write, Option::is_some)?;
    sum.map(|sum| sum.ok_or_else(|| CacheError::NotAnInteger(key.as_str().into()))).transpose()
}

/// Runs a statement that writes rows of these keys. Under an old snapshot it fails if a version that the snapshot does
/// not see was written and removed since. For versions that are still there the statement itself raises. Where policies
/// apply, a statement that `wrote` says has written nothing does not fail: the caller must not learn of changes of rows
/// that it may not see.
fn write_unremoved<'a, R>(
    access: &Access,
    keys: impl IntoIterator<Item = Key<'a>>,
    write: impl Fn(&ExtensionTables) -> R,
    wrote: impl FnOnce(&R) -> bool,
) -> Result<R, CacheError> {
    let written = access.run_with_retries(write);
    if backend::has_old_snapshot() && (!access.is_under_policies || wrote(&written)) {
        open::examining(access, |table| {
            let seen = Seen::by_statement();
            let has_all = |key| fence::nothing_was_removed(table, key, &seen);
            if keys.into_iter().all(has_all) { Ok(()) } else { Err(CacheError::Serialization) }
        })?;
    }
    Ok(written)
}

/// How often `take` looks for a value that another session sets in between. A trigger or policy may fail each attempt.
const MOST_TRIES: usize = 5;

/// Deletes keys, which are in byte order. The tombstones are written at `now` and kept until `until`.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn delete(access: &Access, keys: &[Key], (now, until): (Timestamp, Timestamp)) -> Result<i64, CacheError> {
    let names: Vec<&str> = keys.iter().map(|key| key.as_str()).collect();
    let params = [names.param(), now.param(), until.param()];
    let deleted = access.run_with_retries(|tables| DELETE.write_blindly(tables, &params, |rows| rows.get(0, 1)));
    mark_unseen(access, keys)?;
    Ok(deleted.unwrap_or(0))
}

/// # Errors
/// [`CacheError::Altered`].
pub fn take(access: &Access, key: Key, (now, until): (Timestamp, Timestamp)) -> Result<Option<Value>, CacheError> {
    let lock_params = [key.as_str().param()];
    let tombstone_params = [key.as_str().param(), now.param(), until.param()];
    let mut tries = 0;
    // Another session may set the key in between. Then its value is the one to take.
    while access.is_unrestricted || tries < MOST_TRIES {
        if let Some(value) =
            access.run_with_retries(|tables| LOCK_LIVE.write_blindly(tables, &lock_params, |rows| rows.value(0, 1)))
        {
            delete(access, &[key], (now, until))?;
            return Ok(Some(value));
        }
        if access
            .run_with_retries(|tables| ADD_TOMBSTONE.write_blindly(tables, &tombstone_params, |rows| rows.len() > 0))
        {
            mark_unseen(access, &[key])?;
            return Ok(None);
        }
        tries += 1;
        pgrx::check_for_interrupts!();
    }
    // A key that cannot be taken can still be deleted, and the caller must be able to rely on that.
    delete(access, &[key], (now, until))?;
    Ok(None)
}

/// Deletes the entries of a range. First it waits for the transactions that hold rows of it, because the
/// statement does not see their changes.
///
/// # Errors
/// [`CacheError::Altered`].
pub fn clear(access: &Access, range: &KeyRange, (now, until): (Timestamp, Timestamp)) -> Result<i64, CacheError> {
    let [from, before, unnamed] = range::bounds(range);
    let params = [from, before, unnamed, now.param(), until.param()];
    let each = |work: &dyn Fn(&Table, &str)| {
        open::examining(access, |table| {
            let mut keys = Keys::new(range);
            while let Some(batch) = keys.next_batch(table) {
                for key in batch {
                    pgrx::check_for_interrupts!();
                    work(table, &key);
                }
            }
            Ok(())
        })
    };
    each(&|table, key| {
        // A caller must not wait for rows of others: it would learn that they are there.
        if Key::parse(key).is_ok_and(|key| trial::may_store(access, key, None)) {
            change(table, key, Contention::Wait, |_| Decision::Leave(()));
        }
    })?;
    let deleted = access.run_with_retries(|tables| CLEAR.write_blindly(tables, &params, |rows| rows.get(0, 1)));
    if backend::has_old_snapshot() {
        each(&|table, key| Key::parse(key).into_iter().for_each(|key| mark_unseen_key(table, key)))?;
    }
    Ok(deleted.unwrap_or(0))
}

/// Marks the transaction if the statement wrote a tombstone over a change that its snapshot does not see.
fn mark_unseen(access: &Access, keys: &[Key]) -> Result<(), CacheError> {
    if !backend::has_old_snapshot() {
        return Ok(());
    }
    open::examining(access, |table| {
        keys.iter().for_each(|&key| mark_unseen_key(table, key));
        Ok(())
    })
}

fn mark_unseen_key(table: &Table, key: Key) {
    if !fence::nothing_was_removed(table, key, &Seen::by_statement()) {
        snapshot::mark_blind(snapshot::current());
    }
}
