//! The owner of the loader that a row of `cache_namespaces` names.
//!
//! Owns the triggers on the table. They write down the owner of a loader where the role that writes the row has the
//! rights of that owner, and tell every backend to read the table again. The query of `warm` runs with these rights
//! too, so the same holds for a row with another query, and a query does not stay beside another loader. Must never let
//! a row name a loader, or a query, with more rights than the role that wrote it.

use crate::error::{self, CacheError, ErrorReport, LoadError};
use crate::{catalog, loader, pg::trigger};
use pgrx::AnyElement;
use pgrx::pg_sys::{self, Oid};
use pgrx::prelude::*;
use std::cell::Cell;

thread_local! {
    /// The role that configures, while the owner of the table writes the row for it.
    static FOR: Cell<Option<Oid>> = const { Cell::new(None) };
}

/// Until dropped, rows are written on behalf of `role`, and not of the current role.
pub struct WrittenFor;

impl WrittenFor {
    /// From now on.
    pub fn role(role: Oid) -> Self {
        FOR.set(Some(role));
        Self
    }
}

impl Drop for WrittenFor {
    fn drop(&mut self) {
        FOR.set(None);
    }
}

/// The row triggers on `cache_namespaces`, before and after.
#[pg_extern(sql = false)]
fn cache_namespaces_checked(call: pg_sys::FunctionCallInfo) -> Result<AnyElement, ErrorReport> {
    // SAFETY: the argument of this call.
    let trigger = unsafe { trigger::of(call) }?;
    catalog::check_version()?;
    let row = checked(&trigger)?.into_trigger_datum();
    Ok(trigger::returned(row.ok_or(CacheError::NotOwnTrigger)?)?)
}

/// The owner of a loader that must not be called: the role that named it had not the rights of the loader's owner, or
/// there was no such loader then. A copy of the row, such as a dump has, keeps it whichever role writes the copy.
pub(super) const OF_NOBODY: Oid = Oid::INVALID;

/// The owner of a loader on its way into a row: pgrx makes NULL of an [`Oid`] that is 0.
struct Owner(Oid);

impl IntoDatum for Owner {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(pg_sys::Datum::from(self.0.to_u32()))
    }

    fn type_oid() -> Oid {
        pg_sys::OIDOID
    }
}

/// The trigger before the write sets the owner of the loader where the role that writes the row has the rights of that
/// owner, else [`OF_NOBODY`]. The trigger after it checks that this is what was stored: another trigger may run in
/// between.
fn checked<'a>(trigger: &'a PgTrigger<'a>) -> Result<PgHeapTuple<'a, AllocatedByRust>, CacheError> {
    let mut row = trigger.new().ok_or(CacheError::NotOwnTrigger)?.into_owned();
    let named = told(&row)?;
    let before = trigger.old().map(|old| told(&old)).transpose()?;
    if before.as_ref() == Some(&named) {
        return Ok(row);
    }
    let Told { namespace, signature, owner, warm } = named;
    let is_new = before.is_none();
    if before.is_none() && signature.is_some() && owner == Some(OF_NOBODY) {
        return Ok(row);
    }
    // SAFETY: looks at this backend's state.
    let role = FOR.get().unwrap_or_else(|| unsafe { pg_sys::GetUserId() });
    let loader = signature.as_deref().map(|signature| loader::check_for(signature, role)).transpose()?.flatten();
    let of_nobody = signature.is_some().then_some(OF_NOBODY);
    let found = loader.as_ref().and_then(|loader| loader.owner).or(of_nobody);
    if before.is_some_and(|before| before.warm.is_some() && before.warm == warm && before.owner != found) {
        return Err(LoadError::WarmOfAnother.into());
    }
    // A copy of a row, such as a dump has, tells of whose loader the query was. The role that writes the copy may have
    // the rights of any owner.
    let is_copy_of_another = is_new && warm.is_some() && owner.is_some() && owner != found;
    if matches!(trigger.when(), Ok(PgTriggerWhen::Before)) {
        if is_copy_of_another {
            error::warn(
                PgSqlErrorCode::ERRCODE_INSUFFICIENT_PRIVILEGE,
                "option warm of a cache namespace was left out: its loader had another owner",
                &format!("The namespace is \"{}\".", namespace.unwrap_or_default()),
                "Look at the query, and configure it again: SELECT cache_configure(..., warm => ...).",
            );
            row.set_by_name("warm", None::<String>).map_err(|_| CacheError::NotOwnTrigger)?;
        }
        let strange = |_| CacheError::NotOwnTrigger;
        row.set_by_name("loader_owner", found.map(Owner)).map_err(strange)?;
        if let Some(loader) = loader {
            row.set_by_name("loader", loader.signature).map_err(strange)?;
        }
    } else if owner != found && owner != of_nobody {
        return Err(CacheError::NotLoaderOwner(signature.unwrap_or_default()));
    }
    Ok(row)
}

/// What a row says of its loader.
#[derive(PartialEq, Eq)]
struct Told {
    namespace: Option<String>,
    /// The loader function.
    signature: Option<String>,
    /// Its owner, as the row has it.
    owner: Option<Oid>,
    /// The query that runs with the rights of this owner. None: there is none, or it is empty.
    warm: Option<String>,
}

fn told<A: WhoAllocated>(row: &PgHeapTuple<'_, A>) -> Result<Told, CacheError> {
    let text = |name| row.get_by_name::<String>(name).map_err(|_| CacheError::NotOwnTrigger);
    let owner = row.get_by_name("loader_owner").map_err(|_| CacheError::NotOwnTrigger)?;
    let warm = text("warm")?.filter(|query| !query.is_empty());
    Ok(Told { namespace: text("namespace")?, signature: text("loader")?, owner, warm })
}

/// The statement trigger: every backend reads the table again after the commit.
#[pg_extern(sql = false)]
fn cache_namespaces_changed(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the argument of this call.
    if let Ok(relation) = unsafe { trigger::of(call) }?.relation() {
        // SAFETY: the relation that the trigger fired on is open.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation.oid()) };
    }
    Ok(())
}
