//! What is left to do when a transaction ends.
//!
//! Owns the one function that PostgreSQL calls at the end of transactions; the modules that it calls, and their order,
//! are handed in when the library is loaded. Must cost next to nothing in a transaction that leaves nothing to do: it is called in every one of the
//! server.

use pgrx::pg_sys;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::OnceLock;

thread_local! {
    /// Whether the current transaction leaves something to do.
    static HAS_WORK: Cell<bool> = const { Cell::new(false) };
}

/// The functions that are called when transactions end.
pub struct Hooks {
    /// At each event of a transaction that leaves something to do, in this order.
    pub transaction: [fn(pg_sys::XactEvent::Type); 3],
    /// At each event of every subtransaction. Must raise nothing.
    pub subtransaction: fn(pg_sys::SubXactEvent::Type, pg_sys::SubTransactionId),
}

static HOOKS: OnceLock<Hooks> = OnceLock::new();

/// Asks PostgreSQL to say when a transaction ends. Called once, when the library is loaded.
pub fn register(hooks: Hooks) {
    HOOKS.get_or_init(|| hooks);
    // SAFETY: registers functions that live as long as the process; backends inherit them.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_subtransaction), std::ptr::null_mut());
    }
}

/// The current transaction leaves something to do when it ends: a module has taken note of it.
pub fn run_hooks_at_end() {
    HAS_WORK.set(true);
}

/// No guard: it raises nothing.
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

/// No guard before it is known that there is work: the look can raise nothing.
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
    // Last, so that what one of them raises does not keep the others from being asked again.
    if matches!(event, XACT_EVENT_COMMIT | XACT_EVENT_ABORT | XACT_EVENT_PREPARE) {
        HAS_WORK.set(false);
    }
}
