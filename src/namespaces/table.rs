//! The rows of `cache_namespaces`, as they are read and as they may be written.
//!
//! They are written by `cache_configure`, and by anybody with the privileges of SQL. Owns what each means then: a value
//! that `cache_configure` would have refused counts as not set, and a loader is one only where a trigger of ours has
//! found that whoever named it has the rights of its owner. Must never run code of somebody's to read them.

use super::Namespace;
use crate::catalog::{ExtensionTables, namespace_column};
use crate::error::CacheError;
use crate::heap::row::Row;
use crate::loader::{self, Loader};
use crate::pg::active_snapshot::under_latest;
use crate::pg::clock;
use crate::pg::datum::Timestamp;
use cache_pg_rules::ttl::Ttl;
use pgrx::AnyElement;
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::pg_sys::{self, LOCKMODE, Oid};
use pgrx::prelude::*;
use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;

/// What was read.
pub(super) struct Table {
    pub namespaces: HashMap<String, Rc<Namespace>>,
    /// Whether it may be kept: all of it is committed (what is not may be gone without anybody's saying so), and it is
    /// what there is now.
    pub is_settled: bool,
}

/// Reads the table with the newest snapshot, whatever the caller's is: the copy outlives the transaction. While a query
/// is run in parallel it is the query's snapshot ([`under_latest`]), so the leader keeps nothing; a worker ends with it.
pub(super) fn read(tables: &ExtensionTables) -> Table {
    // SAFETY: variables of this backend.
    let is_settled = unsafe { !pg_sys::IsInParallelMode() || pg_sys::ParallelWorkerNumber >= 0 };
    let mut table = Table { namespaces: HashMap::new(), is_settled };
    // SAFETY: what is opened is closed here, or by the end of the transaction; the shape is verified under the lock,
    // which stays.
    unsafe {
        let relation = pg_sys::table_open(tables.namespaces, pg_sys::AccessShareLock as LOCKMODE);
        namespace_column::SHAPE.verify(relation);
        under_latest(|| {
            let scan = pg_sys::table_beginscan(relation, pg_sys::GetActiveSnapshot(), 0, std::ptr::null_mut());
            let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                let row = Row::in_slot(slot);
                if let Some(name) = row.get(namespace_column::NAMESPACE) {
                    table.is_settled &= !row.is_own();
                    table.namespaces.insert(name, Rc::new(namespace(&row)));
                }
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        });
        pg_sys::table_close(relation, pg_sys::NoLock as LOCKMODE);
    }
    table
}

fn namespace(row: &Row) -> Namespace {
    use namespace_column::*;
    let is_finite = |interval: &Interval| clock::after(Timestamp(0), *interval) != Timestamp::FOREVER;
    Namespace {
        default_ttl: row.get(DEFAULT_TTL).filter(|it| Ttl::parse(clock::length(*it), None).is_ok()),
        stale_for: row.get(STALE_FOR).filter(|it| clock::length(*it) >= 0 && is_finite(it)),
        jitter: row.get(JITTER).filter(|it| (0.0..=1.0).contains(it)),
        max_value_size: row.get(MAX_VALUE_SIZE).filter(|&it| it >= 1),
        early_refresh: row.get(EARLY_REFRESH).filter(|it| (0.0..=100.0).contains(it)),
        max_entries: row.get(MAX_ENTRIES).filter(|&it| it >= 1),
        max_size: row.get(MAX_SIZE).filter(|&it| it >= 1),
        notify: row.get(NOTIFY).unwrap_or(false),
        loader: row.get(LOADER).map(|signature| Loader {
            signature,
            owner: row.get(LOADER_OWNER).filter(|&owner| owner != OF_NOBODY),
            is_settled: !row.is_own(),
        }),
    }
}

thread_local! {
    /// Who configures, while the owner of the table writes it for them.
    static FOR: Cell<Option<Oid>> = const { Cell::new(None) };
}

/// Until dropped, the rows that are written are those of `role`, whoever the current role is.
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

/// The row triggers on `cache_namespaces`, before and after. pgrx's own way to write a trigger raises XX000 where it is
/// called by hand.
#[pg_extern(sql = false)]
fn cache_namespaces_checked(call: pg_sys::FunctionCallInfo) -> Result<AnyElement, ErrorReport> {
    // SAFETY: the arguments of the call that PostgreSQL has just made; nothing changes them.
    let trigger = unsafe { PgTrigger::from_fcinfo(&*call) }.map_err(|_| CacheError::StrangeTrigger)?;
    let row = checked(&trigger)?.into_trigger_datum().ok_or(CacheError::StrangeTrigger)?;
    // SAFETY: a row in the form that a trigger returns; nobody asks for its type.
    let row = unsafe { AnyElement::from_polymorphic_datum(row, false, Oid::INVALID) };
    Ok(row.ok_or(CacheError::StrangeTrigger)?)
}

/// The owner of a loader that nobody may have called: the role that named it had not the rights of the loader's owner,
/// or there was no such loader then. A copy of the row, such as a dump has, keeps it, whatever role writes that.
const OF_NOBODY: Oid = Oid::INVALID;

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

/// Before, the owner of the loader is written down where the role that writes the row has the rights of that owner,
/// else [`OF_NOBODY`]. After, it is seen whether that is what was stored: there may be a trigger of somebody's in
/// between.
fn checked<'a>(trigger: &'a PgTrigger<'a>) -> Result<PgHeapTuple<'a, AllocatedByRust>, CacheError> {
    let mut row = trigger.new().ok_or(CacheError::StrangeTrigger)?.into_owned();
    let named = told(&row)?;
    let before = trigger.old().map(|old| told(&old)).transpose()?;
    if before.as_ref() == Some(&named) {
        return Ok(row);
    }
    let (_, signature, owner) = named;
    if before.is_none() && signature.is_some() && owner == Some(OF_NOBODY) {
        return Ok(row);
    }
    // SAFETY: looks at this backend's state.
    let role = FOR.get().unwrap_or_else(|| unsafe { pg_sys::GetUserId() });
    let loader = signature.as_deref().map(|signature| loader::check_for(signature, role)).transpose()?.flatten();
    let of_nobody = signature.is_some().then_some(OF_NOBODY);
    let found = loader.as_ref().and_then(|loader| loader.owner).or(of_nobody);
    if matches!(trigger.when(), Ok(PgTriggerWhen::Before)) {
        let strange = |_| CacheError::StrangeTrigger;
        row.set_by_name("loader_owner", found.map(Owner)).map_err(strange)?;
        if let Some(loader) = loader {
            row.set_by_name("loader", loader.signature).map_err(strange)?;
        }
    } else if owner != found && owner != of_nobody {
        return Err(CacheError::NotLoaderOwner(signature.unwrap_or_default()));
    }
    Ok(row)
}

/// For which namespace a row names a loader, which, and whom it says to own it.
type Told = (Option<String>, Option<String>, Option<Oid>);

fn told<A: WhoAllocated>(row: &PgHeapTuple<'_, A>) -> Result<Told, CacheError> {
    let text = |name| row.get_by_name::<String>(name).map_err(|_| CacheError::StrangeTrigger);
    let owner = row.get_by_name("loader_owner").map_err(|_| CacheError::StrangeTrigger)?;
    Ok((text("namespace")?, text("loader")?, owner))
}

/// The statement trigger: tells every backend to read the table again, at the commit.
#[pg_extern(sql = false)]
fn cache_namespaces_changed(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the arguments of the call that PostgreSQL has just made; nothing changes them.
    let trigger = unsafe { PgTrigger::from_fcinfo(&*call) }.map_err(|_| CacheError::StrangeTrigger)?;
    if let Ok(relation) = trigger.relation() {
        // SAFETY: the relation that the trigger fired on is open.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(relation.oid()) };
    }
    Ok(())
}
