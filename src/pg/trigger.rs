//! The calls of trigger functions.
//!
//! Owns the check that a trigger has made the call, and the form of the row that it returns. Must never look at a row.

use crate::error::CacheError;
use pgrx::pg_sys::{Datum, FunctionCallInfo, Oid};
use pgrx::{AnyElement, FromDatum, PgTrigger};

/// The trigger that has called the function. pgrx's own macro for triggers raises XX000 where SQL calls it directly.
///
/// # Errors
/// [`CacheError::NotOwnTrigger`].
///
/// # Safety
/// `call` is the argument of the call that PostgreSQL has just made, and the trigger is not used after that call.
pub unsafe fn of<'a>(call: FunctionCallInfo) -> Result<PgTrigger<'a>, CacheError> {
    // SAFETY: as the caller promises; nothing changes the arguments of a call.
    unsafe { PgTrigger::from_fcinfo(&*call) }.map_err(|_| CacheError::NotOwnTrigger)
}

/// A row as a trigger returns it. A null pointer skips the row.
///
/// # Errors
/// [`CacheError::NotOwnTrigger`].
pub fn returned(row: Datum) -> Result<AnyElement, CacheError> {
    // SAFETY: no row, or one of the event, in the form that a trigger returns; no caller asks for its type.
    let row = unsafe { AnyElement::from_polymorphic_datum(row, false, Oid::INVALID) };
    row.ok_or(CacheError::NotOwnTrigger)
}
