//! The rows of `cache_namespaces`, as they are read.
//!
//! `cache_configure` writes them, and any role with the privileges of SQL. Owns what each row means then: a value that
//! `cache_configure` refuses counts as not set, and a loader is one only where our trigger has found that the role that
//! named it has the rights of its owner. Must never run foreign code to read them.

use super::{loader_owner::OF_NOBODY, namespace::NamespaceOptions};
use crate::catalog::{ExtensionTables, namespace_column, options::Options};
use crate::pg::{compat, under_latest};
use crate::{heap::Row, loader::Loader};
use pgrx::pg_sys::{self, LOCKMODE};
use std::{collections::HashMap, rc::Rc};

/// The configured namespaces, and whether a backend may keep the answer: only if all of it is committed (an uncommitted
/// row can disappear without notice) and newest. Reads the table with the newest snapshot, whatever the caller's is,
/// because the copy outlives the transaction. During a parallel query it is the query's snapshot ([`under_latest`]), so
/// the leader keeps nothing, and a worker ends with the query.
pub(super) fn read(tables: &ExtensionTables) -> (HashMap<String, Rc<NamespaceOptions>>, bool) {
    // SAFETY: variables of this backend.
    let mut is_settled = unsafe { !pg_sys::IsInParallelMode() || pg_sys::ParallelWorkerNumber >= 0 };
    let mut namespaces = HashMap::new();
    // SAFETY: what is opened is closed here, or by the end of the transaction; the shape is verified under the lock,
    // which stays.
    unsafe {
        let relation = pg_sys::table_open(tables.namespaces, pg_sys::AccessShareLock as LOCKMODE);
        namespace_column::SHAPE.verify(relation);
        under_latest(|| {
            let scan = compat::begin_scan(relation, pg_sys::GetActiveSnapshot());
            let slot = pg_sys::table_slot_create(relation, std::ptr::null_mut());
            while pg_sys::table_scan_getnextslot(scan, pg_sys::ScanDirection::ForwardScanDirection, slot) {
                let row = Row::in_slot(slot);
                if let Some(name) = row.get(namespace_column::NAMESPACE) {
                    is_settled &= !row.is_own();
                    namespaces.insert(name, Rc::new(namespace(&row)));
                }
            }
            pg_sys::ExecDropSingleTupleTableSlot(slot);
            pg_sys::table_endscan(scan);
        });
        pg_sys::table_close(relation, pg_sys::NoLock as LOCKMODE);
    }
    (namespaces, is_settled)
}

fn namespace(row: &Row) -> NamespaceOptions {
    let mut options = Options::of(row);
    let loader = options.loader.take().map(|signature| Loader {
        signature,
        owner: row.get(namespace_column::LOADER_OWNER).filter(|&owner| owner != OF_NOBODY),
        is_settled: !row.is_own(),
    });
    NamespaceOptions { options, loader }
}
