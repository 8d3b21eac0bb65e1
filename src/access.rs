//! Privileges, and the role that a statement runs as.
//!
//! Owns the one check of privileges: reading needs SELECT on `cache_entries`, writing INSERT and UPDATE, deleting
//! DELETE, and nothing else. Must never bypass a policy: if row security applies to the caller, or the table has a
//! trigger or rule, the statement runs as the caller through the executor.
//!
//! Otherwise it runs as the owner of the table. A delete is an upsert of a tombstone: run as the caller, SQL would ask
//! for INSERT and UPDATE to delete, and for SELECT to write. With the owner's rights the grants mean what they say.

use crate::catalog::{self, ExtensionTables};
use crate::error::{CacheError, LoadError};
use crate::pg::{AsOwner, LocalSettings, attempt_despite_contention, backend};
use pgrx::PgSqlErrorCode;
use pgrx::pg_sys::{self, AclMode, Oid};
use std::rc::Rc;

/// How often to retry work after a concurrent change.
const TRIES: usize = 5;

/// The use that a function makes of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Read,
    /// Store a computed value if that is possible. In a read-only transaction it is not, and that is no error.
    Fill,
    Write,
    Delete,
}

impl Verb {
    /// The privileges that it needs, as a mask and in words.
    #[allow(clippy::useless_conversion, reason = "the mask has 32 bits in PostgreSQL 15, 64 from 16 on")]
    fn needs(self) -> (AclMode, &'static str) {
        match self {
            Self::Read => (pg_sys::ACL_SELECT.into(), "SELECT"),
            Self::Fill | Self::Write => ((pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE).into(), "INSERT, UPDATE"),
            Self::Delete => (pg_sys::ACL_DELETE.into(), "DELETE"),
        }
    }

    /// The lock that it takes on the table.
    fn lock(self) -> u32 {
        match self {
            Self::Read => pg_sys::AccessShareLock,
            // A standby allows no stronger lock.
            Self::Fill if backend::is_standby() => pg_sys::AccessShareLock,
            Self::Fill | Self::Write | Self::Delete => pg_sys::RowExclusiveLock,
        }
    }

    fn check_granted(self, tables: &ExtensionTables) -> Result<(), CacheError> {
        let (mask, privileges) = self.needs();
        // SAFETY: a look-up in the system caches; raises if the table has just been dropped.
        let granted = unsafe {
            pg_sys::pg_class_aclmask(tables.entries, pg_sys::GetUserId(), mask, pg_sys::AclMaskHow::ACLMASK_ALL)
        };
        if granted == mask {
            return Ok(());
        }
        let table = format!("{}.cache_entries", tables.schema);
        Err(CacheError::Denied { privileges, table, role: current_role() })
    }

    /// Raises, as SQL does, if nothing may be written: in a read-only transaction, or on a standby.
    fn check_transaction(self) {
        let what = match self {
            Self::Read | Self::Fill => return,
            Self::Write => c"a cache write",
            Self::Delete => c"a cache delete",
        };
        // SAFETY: reads this backend's state; the names are literals.
        unsafe {
            pg_sys::PreventCommandIfReadOnly(what.as_ptr());
            pg_sys::PreventCommandDuringRecovery(what.as_ptr());
        }
    }
}

/// The permission for the verbs that were checked, and the tables.
pub struct Access {
    pub tables: Rc<ExtensionTables>,
    /// Whether no policy, trigger or rule applies to what the caller does.
    pub is_unrestricted: bool,
    /// Whether policies apply to the caller.
    pub is_under_policies: bool,
}

impl Access {
    /// Whether there is anything to read. On a standby an unlogged table may not even be opened.
    pub fn has_rows(&self) -> bool {
        !(self.tables.is_unlogged && backend::is_standby())
    }

    /// Whether rows may be read below the executor.
    pub fn reads_directly(&self) -> bool {
        self.is_unrestricted && self.tables.has_own_columns
    }

    /// Whether rows may be written below the executor.
    pub fn writes_directly(&self) -> bool {
        self.is_unrestricted && self.tables.has_own_columns && self.tables.has_only_own_constraints
    }

    /// Checks that rows may be written below the executor.
    ///
    /// # Errors
    /// [`LoadError::ByExecutor`].
    pub fn check_direct(&self) -> Result<(), CacheError> {
        if self.writes_directly() { Ok(()) } else { Err(LoadError::ByExecutor(current_role()).into()) }
    }

    /// The errors by which policies refuse to store a value that the caller may compute.
    pub fn refusals(&self) -> &'static [PgSqlErrorCode] {
        if self.is_under_policies { &[PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE] } else { &[] }
    }

    /// As [`Access::run`], for work that locks rows. At the same moment the sweeper may remove such a row, or another
    /// transaction may write one that is to be deleted. Under an old snapshot that raises 40001, although it does not
    /// matter to the caller. A retry sees the new state.
    pub fn run_with_retries<R>(&self, work: impl Fn(&ExtensionTables) -> R) -> R {
        if backend::has_old_snapshot() {
            for _ in 0..TRIES {
                if let Some(result) = attempt_despite_contention(&[], || self.run(&work)) {
                    return result;
                }
            }
        }
        self.run(work)
    }

    /// Runs `work` as the table's owner if no policy, trigger or rule applies, otherwise as the caller.
    pub fn run<R>(&self, work: impl FnOnce(&ExtensionTables) -> R) -> R {
        let _owner = self.is_unrestricted.then(|| AsOwner::new(self.tables.owner));
        // Only [`of_the_cache`] is unrestricted on a table with triggers.
        let fires_none = self.is_unrestricted && self.tables.has_triggers_or_rules;
        let _quiet = fires_none.then(LocalSettings::without_triggers);
        work(&self.tables)
    }
}

/// Checks that the current role may do `verb`, and locks the table for it to the end of the transaction.
///
/// # Errors
/// [`CacheError::Denied`], or [`CacheError::NotInstalled`].
pub fn check(verb: Verb) -> Result<Access, CacheError> {
    check_all(&[verb])
}

/// As [`check`], for all of `verbs`. The table gets the strongest lock that one of them needs.
///
/// # Errors
/// As [`check`].
pub fn check_all(verbs: &[Verb]) -> Result<Access, CacheError> {
    verbs.iter().for_each(|verb| verb.check_transaction());
    let lock = verbs.iter().map(|verb| verb.lock()).max().unwrap_or(pg_sys::AccessShareLock);
    let tables = lock_if(lock, |tables| verbs.iter().try_for_each(|verb| verb.check_granted(tables)))?;
    let is_under_policies = tables.has_policies && has_policies_for_caller(tables.entries);
    let is_unrestricted = !tables.has_triggers_or_rules && !is_under_policies;
    Ok(Access { tables, is_unrestricted, is_under_policies })
}

/// Whether policies of a table apply to the current role.
pub fn has_policies_for_caller(table: Oid) -> bool {
    // SAFETY: a look-up in the system caches; a lock on the table keeps the answer valid.
    let row_security = unsafe { pg_sys::check_enable_rls(table, Oid::INVALID, true) };
    row_security == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
}

/// The permission of the extension itself to delete the entries that a change of a watched table invalidates, whatever
/// role made the change and whatever rows policies show to it. Fires no trigger, because a trigger would run with the
/// rights of every role that changes the watched table.
///
/// # Errors
/// As [`check`].
pub fn of_the_cache() -> Result<Access, CacheError> {
    let tables = lock_if(Verb::Delete.lock(), |_| Ok(()))?;
    Ok(Access { tables, is_unrestricted: true, is_under_policies: false })
}

/// Locks the table to the end of the transaction, if `allowed` permits it.
///
/// The lock is taken before checking for policies, triggers and rules: under the lock the answer cannot change, and
/// taking the lock processes all earlier changes.
fn lock_if(
    lock: u32,
    allowed: impl Fn(&ExtensionTables) -> Result<(), CacheError>,
) -> Result<Rc<ExtensionTables>, CacheError> {
    catalog::lock(|tables| tables.entries, lock as pg_sys::LOCKMODE, allowed)
}

/// The name of the current role, quoted if necessary.
pub fn current_role() -> String {
    // SAFETY: the name is allocated in the current memory context; a dropped role has none.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetUserId(), true);
        if name.is_null() {
            return "PUBLIC".into();
        }
        std::ffi::CStr::from_ptr(pg_sys::quote_identifier(name)).to_string_lossy().into_owned()
    }
}
