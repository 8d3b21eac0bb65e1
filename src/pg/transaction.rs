//! The hooks at the end of transactions.
//!
//! Owns the one function that PostgreSQL calls at the end of transactions. The library passes in the functions that it
//! calls, and their order, when it is loaded. Must never cost a transaction that asked for no hooks more than one look:
//! PostgreSQL calls the function in every transaction of the server.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::{cell::Cell, ffi::c_void, sync::OnceLock};

thread_local! {
    /// Whether the hooks must run at the end of the current transaction.
    static HAS_WORK: Cell<bool> = const { Cell::new(false) };
}

/// The functions to run when transactions end.
pub struct Hooks {
    /// Run in this order at each event of a transaction that has called [`run_hooks_at_end`].
    pub transaction: [fn(pg_sys::XactEvent::Type); 4],
    /// Runs at each event of every subtransaction. Must raise nothing.
    pub subtransaction: fn(pg_sys::SubXactEvent::Type, pg_sys::SubTransactionId),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Registers the callbacks with PostgreSQL. Called once, when the library is loaded.
pub fn register(hooks: Hooks) {
    HOOKS.get_or_init(|| hooks);
    // SAFETY: registers functions that live as long as the process; backends inherit them.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut());
    }
}

/// Makes the hooks run when the current transaction ends.
pub fn run_hooks_at_end() {
    HAS_WORK.set(true);
}

/// Needs no `pg_guard`, because it raises nothing.
unsafe extern "C-unwind" fn at_subtransaction(
    event: pg_sys::SubXactEvent::Type,
    number: pg_sys::SubTransactionId,
    _parent: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    if let Some(hooks) = HOOKS.get() {
        (hooks.subtransaction)(event, number);
    }
}

/// Needs no `pg_guard` until there is work, because the check raises nothing.
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, argument: *mut c_void) {
    if HAS_WORK.get() {
        // SAFETY: called as PostgreSQL calls us.
        unsafe { work(event, argument) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn work(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PREPARE};
    for hook in HOOKS.get().into_iter().flat_map(|hooks| hooks.transaction) {
        hook(event);
    }
    // Cleared last: if a hook raises, the hooks run again at the abort.
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        HAS_WORK.set(false);
    }
}
