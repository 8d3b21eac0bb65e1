//! The list of databases, for the launcher.
//!
//! Owns this look at the shared catalog. Must never connect to a database.

use pgrx::pg_sys::{self, Oid};

/// All databases, and whether each allows connections.
pub(super) fn databases() -> Vec<(Oid, bool)> {
    let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
    let mut databases = Vec::new();
    // SAFETY: a scan of a shared catalog in a transaction, as autovacuum's get_database_list; the rows are read
    // before the scan moves on.
    unsafe {
        let relation = pg_sys::table_open(pg_sys::DatabaseRelationId, lock);
        let scan = pg_sys::table_beginscan_catalog(relation, 0, std::ptr::null_mut());
        loop {
            let tuple = pg_sys::heap_getnext(scan, pg_sys::ScanDirection::ForwardScanDirection);
            if tuple.is_null() {
                break;
            }
            let row = pg_sys::GETSTRUCT(tuple).cast::<pg_sys::FormData_pg_database>();
            // A negative limit other than -1 marks a database whose DROP was interrupted.
            databases.push(((*row).oid, (*row).datallowconn && (*row).datconnlimit >= -1));
        }
        pg_sys::table_endscan(scan);
        pg_sys::table_close(relation, lock);
    }
    databases
}
