//! What the caller's policies would let it write, asked before anything is done.
//!
//! Owns the trials: a row that no constraint lets in is written as the caller, in a subtransaction that is rolled back.
//! PostgreSQL asks the policies first, so the error tells what they say, and it says the same whether or not there is
//! such a row that the caller cannot see. A trial that fails for another reason counts as refused, or raises. Must take
//! no lock on rows, leave nothing, and take no transaction number.

use crate::access::Access;
use crate::catalog::ExtensionTables;
use crate::error::CacheError;
use crate::pg::clock;
use crate::pg::datum::{TextArray, Timestamp};
use crate::pg::local_settings::LocalSettings;
use crate::pg::subtransaction::rehearse;
use crate::settings;
use crate::statement::{IntoParam, Param, Statement, statement};
use cache_pg_rules::key::Key;
use pgrx::PgSqlErrorCode;

static TRY_TAG: Statement = statement!("try_tag.sql", [TEXTOID]);
static TRY_KEY: Statement = statement!("try_key.sql", [TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID, BOOLOID, TEXTARRAYOID]);

/// Whether the caller may compute a value for a key outside: take a lease on it. Waits for nobody.
pub fn may_lease(access: &Access, key: Key) -> bool {
    may_write(access, key, false, None, Locks::AtOnce)
}

/// Whether the caller may store a value, which is not known yet, under a key. Waits for nobody.
pub fn may_store(access: &Access, key: Key, tags: Option<TextArray>) -> bool {
    may_write(access, key, true, tags, Locks::AtOnce)
}

/// Checks that the caller may store a value under a key, before code is run for it with more rights than the caller
/// has. Where nothing may be written the policies cannot be asked, and it may not.
///
/// # Errors
/// [`CacheError::KeyDenied`].
pub fn check_key(access: &Access, key: Key, tags: Option<TextArray>) -> Result<(), CacheError> {
    match may_write(access, key, true, tags, Locks::Awaited) {
        true => Ok(()),
        false => Err(CacheError::KeyDenied(key.as_str().into())),
    }
}

/// Whether the caller's policies on `cache_tags` let it write a row of the tag.
pub fn may_insert_tag(access: &Access, tag: &str) -> bool {
    access.run(|tables| passes(&TRY_TAG, tables, &[tag.param()], Locks::Awaited))
}

/// How a trial treats a table that another transaction has locked: `cache_tags`, or one that a policy reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Locks {
    /// The trial is given up, and the answer is no.
    AtOnce,
    /// The trial waits, as any statement does, and raises where that fails.
    Awaited,
}

fn may_write(access: &Access, key: Key, is_value: bool, tags: Option<TextArray>, locks: Locks) -> bool {
    if !access.is_under_policies {
        return true;
    }
    let now = clock::now();
    let until = Timestamp(now.0.saturating_add(settings::lease()));
    let params = [key.as_str().param(), now.param(), until.param(), is_value.param(), tags.param()];
    access.run(|tables| passes(&TRY_KEY, tables, &params, locks))
}

/// Errors that say nothing of what the policies allow.
const UNDECIDED: [PgSqlErrorCode; 3] = [
    PgSqlErrorCode::ERRCODE_LOCK_NOT_AVAILABLE,
    PgSqlErrorCode::ERRCODE_T_R_DEADLOCK_DETECTED,
    PgSqlErrorCode::ERRCODE_T_R_SERIALIZATION_FAILURE,
];

/// Whether policies and privileges let a row in that only then fails for what it lacks.
fn passes(trial: &Statement, tables: &ExtensionTables, params: &[Param], locks: Locks) -> bool {
    let passes_on = match locks {
        Locks::AtOnce => &[][..],
        Locks::Awaited => &UNDECIDED[..],
    };
    let error = rehearse(passes_on, || {
        let _at_once = (locks == Locks::AtOnce).then(|| LocalSettings::new(&[(c"lock_timeout", "1ms")]));
        trial.rehearse(tables, params);
    });
    matches!(error, None | Some(PgSqlErrorCode::ERRCODE_NOT_NULL_VIOLATION))
}
