//! The rows that a function returns, all at once.
//!
//! Owns the way in which PostgreSQL's own functions do that: they fill a tuplestore. A call for each row would cost
//! more than finding it. Must never be begun within a subtransaction that may be rolled back.

use pgrx::pg_sys::{self, Datum, ffi::pg_guard_ffi_boundary};

unsafe extern "C-unwind" {
    /// As `pg_sys::tuplestore_putvalues`, without a guard for each call.
    fn tuplestore_putvalues(
        store: *mut pg_sys::Tuplestorestate,
        shape: pg_sys::TupleDesc,
        values: *mut Datum,
        nulls: *mut bool,
    );
}

/// The rows of a function that returns a table.
pub struct ResultSet {
    store: *mut pg_sys::Tuplestorestate,
    shape: pg_sys::TupleDesc,
}

impl ResultSet {
    /// Begins the result of a call. Raises 0A000 if the caller accepts no set.
    ///
    /// # Safety
    /// `call` is the call of a function that returns a table.
    pub unsafe fn of(call: pg_sys::FunctionCallInfo) -> Self {
        // SAFETY: as the caller promises; the function checks the result information, and sets both of its fields.
        unsafe {
            pg_sys::InitMaterializedSRF(call, pg_sys::MAT_SRF_USE_EXPECTED_DESC);
            let result = (*call).resultinfo.cast::<pg_sys::ReturnSetInfo>();
            Self { store: (*result).setResult, shape: (*result).setDesc }
        }
    }

    /// Adds rows of columns that are not NULL.
    ///
    /// # Safety
    /// The columns are those of the function, in their types.
    pub unsafe fn put_all<const N: usize>(&self, rows: &[[Datum; N]]) {
        let mut nulls = [false; N];
        // SAFETY: as the caller promises; the store copies the columns, and does not change them. One guard suffices
        // for all rows: an error passes over nothing that has to be dropped.
        unsafe {
            pg_guard_ffi_boundary(|| {
                for row in rows {
                    tuplestore_putvalues(self.store, self.shape, row.as_ptr().cast_mut(), nulls.as_mut_ptr());
                }
            });
        }
    }
}
