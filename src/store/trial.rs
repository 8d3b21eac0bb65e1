//! Trials: they ask the caller's policies before any work is done.
//!
//! Owns the trials. A trial runs as the caller, in a subtransaction that is rolled back, and inserts a row that
//! violates a constraint. PostgreSQL checks the policies before the constraints, so the error tells what the policies
//! say, and it is the same whether or not the key has a row that the caller cannot see. A trial that fails for another
//! reason counts as refused, or raises. Must never lock a row, leave a row, or take a transaction ID.

use crate::pg::{LocalSettings, TextArray, Timestamp, clock, rehearse};
use crate::statement::{IntoParam, Param, Statement, statement};
use crate::{access::Access, catalog::ExtensionTables, error::CacheError, settings};
use cache_pg_rules::key::Key;
use pgrx::PgSqlErrorCode;

static TRY_TAG: Statement = statement!("try_tag.sql", [TEXTOID]);
static TRY_KEY: Statement = statement!("try_key.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, TEXTARRAYOID]);

/// Whether the caller may take a lease on a key. Does not wait.
pub fn may_lease(access: &Access, key: Key) -> bool {
    may_write(access, key, false, None, OnLock::GiveUp)
}

/// Whether the caller may store a value, which is not known yet, under a key. Does not wait.
pub fn may_store(access: &Access, key: Key, tags: Option<TextArray>) -> bool {
    may_write(access, key, true, tags, OnLock::GiveUp)
}

/// Checks that the caller may store a value under a key, before a loader runs with more rights than the caller has. In
/// a read-only transaction no trial is possible, and the check fails.
///
/// # Errors
/// [`CacheError::KeyDenied`].
pub fn check_key(access: &Access, key: Key, tags: Option<TextArray>) -> Result<(), CacheError> {
    match may_write(access, key, true, tags, OnLock::Wait) {
        true => Ok(()),
        false => Err(CacheError::KeyDenied(key.as_str().into())),
    }
}

/// Whether the caller's policies on `cache_tags` let it write a row of the tag.
pub fn may_insert_tag(access: &Access, tag: &str) -> bool {
    access.run(|tables| passes(&TRY_TAG, tables, &[tag.param()], OnLock::Wait))
}

/// How a trial treats a table that another transaction has locked: `cache_tags`, or a table that a policy reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OnLock {
    /// The trial ends, and counts as refused.
    GiveUp,
    /// The trial waits as any statement does, and raises if that fails.
    Wait,
}

fn may_write(access: &Access, key: Key, is_value: bool, tags: Option<TextArray>, on_lock: OnLock) -> bool {
    if !access.is_under_policies {
        return true;
    }
    let now = clock::now();
    let until = Timestamp(now.0.saturating_add(settings::lease()));
    let params = [key.as_str().param(), now.param(), until.param(), is_value.param(), tags.param()];
    access.run(|tables| passes(&TRY_KEY, tables, &params, on_lock))
}

/// Errors that do not tell what the policies allow.
const UNDECIDED: [PgSqlErrorCode; 3] = [
    PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
    PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED,
    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
];

/// Whether the trial passed policies and privileges, and failed only for the column that its row lacks.
fn passes(trial: &Statement, tables: &ExtensionTables, params: &[Param], on_lock: OnLock) -> bool {
    let raised = match on_lock {
        OnLock::GiveUp => &[][..],
        OnLock::Wait => &UNDECIDED[..],
    };
    let error = rehearse(raised, || {
        let _lock_timeout = (on_lock == OnLock::GiveUp).then(|| LocalSettings::new(&[(c"lock_timeout", "1ms")]));
        trial.rehearse(tables, params);
    });
    matches!(error, None | Some(PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION))
}
