//! The rights with which the cache is configured.
//!
//! Owns the switch to the owner of the table: EXECUTE on a function that configures is the right to do what it does,
//! and gives no other right of the owner. Must never lend these rights to a user's triggers or rules on the table: if
//! there are any, the caller needs the privileges that SQL asks for.

use crate::catalog::{self, ExtensionTables};
use crate::pg::{AsOwner, LocalSettings};
use crate::{error::CacheError, namespaces::WrittenFor};
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use std::ffi::CStr;

/// Refuses a call from an index expression, a loader or the like: the role that evaluates it has not asked for it.
///
/// # Errors
/// [`CacheError::Restricted`].
pub fn refuse_if_restricted(function: &'static str) -> Result<(), CacheError> {
    // SAFETY: reads this backend's state.
    if unsafe { pg_sys::InSecurityRestrictedOperation() } { Err(CacheError::Restricted(function)) } else { Ok(()) }
}

/// Raises, as DDL does, in a read-only transaction and on a standby.
pub fn refuse_if_read_only(function: &CStr) {
    // SAFETY: reads this backend's state.
    unsafe {
        pg_sys::PreventCommandIfReadOnly(function.as_ptr());
        pg_sys::PreventCommandDuringRecovery(function.as_ptr());
    }
}

/// Runs `work`, which writes `cache_namespaces`.
///
/// # Errors
/// [`CacheError::NotInstalled`].
pub fn write_namespaces<R>(work: impl FnOnce(&ExtensionTables) -> R) -> Result<R, CacheError> {
    // The lock of a write: under it no trigger and no rule can be made.
    let tables = catalog::lock(|tables| tables.namespaces, pg_sys::RowExclusiveLock as LOCKMODE, |_| Ok(()))?;
    let _owner = (!runs_foreign_code(tables.namespaces)).then(|| {
        // SAFETY: reads this backend's state.
        let role = WrittenFor::role(unsafe { pg_sys::GetUserId() });
        (role, AsOwner::new(tables.namespaces_owner))
    });
    let _path = LocalSettings::safe_path();
    Ok(work(&tables))
}

/// Whether a rule or a user's trigger runs when the locked table is written. A trigger of the extension calls a
/// function of the extension, without a condition.
fn runs_foreign_code(table: Oid) -> bool {
    // SAFETY: opened and closed in pairs, under the lock that is held; the relation cache lists the triggers.
    unsafe {
        let relation = pg_sys::relation_open(table, pg_sys::NoLock as LOCKMODE);
        let is_ours = |trigger: &pg_sys::Trigger| trigger.tgqual.is_null() && is_of_extension(trigger.tgfoid);
        let triggers = (*relation).trigdesc.as_ref();
        let has_trigger =
            triggers.is_some_and(|it| (0..it.numtriggers as usize).any(|number| !is_ours(&*it.triggers.add(number))));
        let found = has_trigger || !(*relation).rd_rules.is_null();
        pg_sys::relation_close(relation, pg_sys::NoLock as LOCKMODE);
        found
    }
}

/// Whether a function was made by CREATE EXTENSION.
fn is_of_extension(function: Oid) -> bool {
    catalog::extension().is_some_and(|extension| {
        // SAFETY: a look-up in the catalogs.
        extension == unsafe { pg_sys::getExtensionOfObject(pg_sys::ProcedureRelationId, function) }
    })
}
