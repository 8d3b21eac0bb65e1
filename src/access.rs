//! Who may do what, and as whom a statement runs.
//!
//! Owns the one check of privileges: reading needs SELECT on `cache_entries`, writing INSERT and UPDATE, deleting
//! DELETE, and nothing else. Must never let a policy be passed over: where row security applies to the caller, or a
//! trigger or rule hangs on the table, the statement runs as the caller through the executor.
//!
//! Why not always as the caller? A delete is an upsert of a tombstone inside; SQL would ask for INSERT and UPDATE
//! to delete, and for SELECT to write. The owner's rights make the grants mean what they say.

use crate::as_owner::AsOwner;
use crate::catalog;
use crate::error::CacheError;
use crate::home::Home;
use crate::subtransaction::attempt;
use pgrx::pg_sys::{self, AclMode, Oid};
use std::rc::Rc;

/// What a function wants to do with entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Read,
    Write,
    Delete,
}

impl Verb {
    /// The privileges it takes, as a mask and in words, and the lock on the table.
    #[allow(clippy::useless_conversion, reason = "the mask has 32 bits in PostgreSQL 15, 64 from 16 on")]
    fn needs(self) -> (AclMode, &'static str, u32) {
        match self {
            Self::Read => (pg_sys::ACL_SELECT.into(), "SELECT", pg_sys::AccessShareLock),
            Self::Write => {
                ((pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE).into(), "INSERT, UPDATE", pg_sys::RowExclusiveLock)
            }
            Self::Delete => (pg_sys::ACL_DELETE.into(), "DELETE", pg_sys::RowExclusiveLock),
        }
    }
}

/// The permission to do it, and where the tables are.
pub struct Access {
    pub home: Rc<Home>,
    /// Whether no policy, trigger or rule has a say in what the caller does.
    pub plain: bool,
}

/// Checks that the current role may do `verb`, and locks the table for it to the end of the transaction.
///
/// The lock comes before the question whether policies, triggers or rules have a say: under it the answer cannot
/// change any more, and taking it brings in what has changed until then.
///
/// # Errors
/// [`CacheError::Denied`], or [`CacheError::NotInstalled`].
pub fn check(verb: Verb) -> Result<Access, CacheError> {
    let (mask, privileges, lock) = verb.needs();
    let mut home = catalog::installed()?;
    loop {
        // SAFETY: a look-up in the system caches; raises where the table has just been dropped.
        let granted = unsafe {
            pg_sys::pg_class_aclmask(home.entries, pg_sys::GetUserId(), mask, pg_sys::AclMaskHow::ACLMASK_ALL)
        };
        if granted != mask {
            let table = format!("{}.cache_entries", home.schema);
            return Err(CacheError::Denied { privileges, table, role: current_role() });
        }
        // SAFETY: locks by number; the table may be gone by now, which the next look at the catalogs tells.
        unsafe { pg_sys::LockRelationOid(home.entries, lock as pg_sys::LOCKMODE) };
        let under_lock = catalog::installed()?;
        if Rc::ptr_eq(&home, &under_lock) {
            break;
        }
        home = under_lock;
    }
    // SAFETY: a look-up in the system caches for a table that the lock keeps from changing.
    let row_security = unsafe { pg_sys::check_enable_rls(home.entries, Oid::INVALID, true) };
    let plain = row_security != pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32 && !home.has_triggers;
    Ok(Access { home, plain })
}

/// The name of the current role, quoted where it has to be.
fn current_role() -> String {
    // SAFETY: the name is allocated in the current memory context; one that is gone gives no name.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetUserId(), true);
        if name.is_null() {
            return "PUBLIC".into();
        }
        std::ffi::CStr::from_ptr(pg_sys::quote_identifier(name)).to_string_lossy().into_owned()
    }
}

/// Whether the transaction goes on reading what was there when it began (REPEATABLE READ, SERIALIZABLE).
pub fn has_old_snapshot() -> bool {
    // SAFETY: a variable of this backend.
    unsafe { pg_sys::XactIsoLevel >= pg_sys::XACT_REPEATABLE_READ as i32 }
}

/// How often to try again what the hand has come in between of.
const TRIES: usize = 5;

impl Access {
    /// As [`Access::run`], for work that locks live rows. One of them may fall due and be removed by the hand at that very
    /// moment; with an old snapshot that raises 40001, although it is nothing to the caller. Another look finds it due.
    pub fn run_beside_the_hand<R>(&self, work: impl Fn(&Home) -> R) -> R {
        if has_old_snapshot() {
            for _ in 0..TRIES {
                if let Some(result) = attempt(|| self.run(&work)) {
                    return result;
                }
            }
        }
        self.run(work)
    }

    /// Runs `work` with the rights of the table's owner where nothing but privileges rules, else as the caller.
    pub fn run<R>(&self, work: impl FnOnce(&Home) -> R) -> R {
        let _owner = self.plain.then(|| AsOwner::new(self.home.owner));
        work(&self.home)
    }
}
