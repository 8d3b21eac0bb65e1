//! A procedure that ends transactions, as PL/pgSQL's do.
//!
//! Owns the non-atomic connection to SPI that PostgreSQL asks for. Between two commits the procedure may hold neither a
//! snapshot nor memory of a transaction. Must never commit a transaction that the caller has begun.

use pgrx::pg_sys;

/// A procedure under way that may commit.
pub struct Procedure(());

impl Procedure {
    /// Begins. None: it was called in a transaction block or in a function, whose transaction it must not end.
    ///
    /// # Safety
    /// `call` is the call of a procedure.
    pub unsafe fn begin(call: pg_sys::FunctionCallInfo) -> Option<Self> {
        // SAFETY: as the caller promises. CALL passes a node of this type, and tells by it whether a commit is allowed.
        unsafe {
            let context = (*call).context;
            let is_call = !context.is_null() && (*context).type_ == pg_sys::NodeTag::T_CallContext;
            if !is_call || (*context.cast::<pg_sys::CallContext>()).atomic {
                return None;
            }
            pg_sys::SPI_connect_ext(pg_sys::SPI_OPT_NONATOMIC as i32);
        }
        Some(Self(()))
    }

    /// Commits the transaction, and begins another one. No snapshot is active.
    pub fn commit(&self) {
        // SAFETY: the connection that `begin` has opened is the innermost one, and non-atomic.
        unsafe { pg_sys::SPI_commit() };
    }
}

impl Drop for Procedure {
    fn drop(&mut self) {
        // SAFETY: closes the connection that `begin` has opened, also while an error unwinds.
        unsafe { pg_sys::SPI_finish() };
    }
}
