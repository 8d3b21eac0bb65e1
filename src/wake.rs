//! Waiting for a change of a key, and waking the waiters.
//!
//! Owns some condition variables in shared memory, each for the keys with one hash. A transaction that changes a key
//! with possible waiters remembers that. It wakes them when it has ended, so that they see its work; a subtransaction
//! that rolls back wakes them too. A woken waiter looks at the row again, so a needless wake-up costs one look. Without
//! shared memory waiters look again every few milliseconds. Plain SQL and the end of a prepared transaction wake no
//! waiter: a row that such a transaction holds is looked at again from time to time. Must never wait without a limit,
//! nor while holding a lock or uncommitted work that another transaction may be waiting for.

use crate::pg::{Steady, backend, compat};
use crate::stats::{self, Counter};
use crate::{heap::snapshot, shared::directory::attached};
use cache_pg_rules::{key::Key, token::hash};
use pgrx::pg_sys::{self, ConditionVariable};
use pgrx::prelude::*;
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init};
use std::cell::{Cell, UnsafeCell};
use std::ffi::c_void;

/// As many as bits in a word. Keys that share a variable cause needless looks.
const VARIABLES: usize = u64::BITS as usize;
/// How often to look again without shared memory, in milliseconds.
const POLL_MS: i64 = 10;

struct Shared {
    variables: UnsafeCell<[ConditionVariable; VARIABLES]>,
}

// SAFETY: condition variables are made to live in shared memory, and have a lock of their own.
unsafe impl PGRXSharedMemory for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

// SAFETY: the name is used once.
static WAITING: PgAtomic<Shared> = unsafe { PgAtomic::new(c"cache_pg waiting") };

thread_local! {
    /// The variables to wake at the end of the transaction, a bit for each.
    static TO_WAKE: Cell<u64> = const { Cell::new(0) };
}

/// Reserves shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(WAITING = new_shared());
    // SAFETY: registers a function that lives as long as the process; every backend inherits it.
    unsafe { pg_sys::RegisterResourceReleaseCallback(Some(when_locks_are_gone), std::ptr::null_mut()) };
}

fn new_shared() -> Shared {
    let variables = std::array::from_fn(|_| {
        let mut variable = ConditionVariable::default();
        // SAFETY: fills the variable, which is copied before any process waits for it.
        unsafe { pg_sys::ConditionVariableInit(&mut variable) };
        variable
    });
    Shared { variables: UnsafeCell::new(variables) }
}

fn number_of(key: &str) -> usize {
    hash(key) as usize % VARIABLES
}

fn variable(number: usize) -> *mut ConditionVariable {
    // SAFETY: the number is within the array.
    unsafe { WAITING.get().variables.get().cast::<ConditionVariable>().add(number) }
}

/// Wakes the waiters of the key when the current transaction has ended.
pub fn at_end(key: &str) {
    if attached() {
        TO_WAKE.set(TO_WAKE.get() | 1 << number_of(key));
    }
}

/// Wakes all waiters when the current transaction has ended.
pub fn all_at_end() {
    if attached() {
        TO_WAKE.set(u64::MAX);
    }
}

/// Wakes the waiters of the key now.
pub fn now(key: Key) {
    if attached() {
        // SAFETY: the variable is in shared memory, and initialized.
        unsafe { pg_sys::ConditionVariableBroadcast(variable(number_of(key.as_str()))) };
    }
}

fn wake(mut numbers: u64) {
    while numbers != 0 {
        // SAFETY: as above.
        unsafe { pg_sys::ConditionVariableBroadcast(variable(numbers.trailing_zeros() as usize)) };
        numbers &= numbers - 1;
    }
}

/// PostgreSQL calls this at the end of the transaction, of every subtransaction and of every portal, after it has
/// released their locks. The callbacks for the end of a transaction would come too early: a woken waiter would still
/// find the claim of its key taken, and sleep on. Needs no `pg_guard` until there is a waiter to wake: the check raises
/// nothing, and it runs in every transaction of the server.
unsafe extern "C-unwind" fn when_locks_are_gone(
    phase: pg_sys::ResourceReleasePhase::Type,
    is_commit: bool,
    is_top_level: bool,
    _argument: *mut c_void,
) {
    if phase == pg_sys::ResourceReleasePhase::RESOURCE_RELEASE_AFTER_LOCKS && TO_WAKE.get() != 0 {
        // SAFETY: called as PostgreSQL calls us.
        unsafe { wake_waiters(is_commit, is_top_level) };
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn wake_waiters(is_commit: bool, is_top_level: bool) {
    if is_top_level {
        wake(TO_WAKE.take());
    } else if !is_commit {
        wake(TO_WAKE.get());
    }
}

/// A wait for a key.
pub struct Waiter<'a> {
    key: Key<'a>,
    number: usize,
}

impl<'a> Waiter<'a> {
    /// Begins the wait: from now on no wake-up for the key is missed. Look at the row only after this.
    pub fn new(key: Key<'a>) -> Self {
        stats::count(key, Counter::Waits, 1);
        let number = number_of(key.as_str());
        if attached() {
            // SAFETY: the variable is in shared memory; an error or `done` ends the preparation.
            unsafe { pg_sys::ConditionVariablePrepareToSleep(variable(number)) };
        }
        Self { key, number }
    }

    /// Sleeps until woken, or until `end`. A cancel raises.
    pub fn sleep(&self, end: Steady) {
        let began = Steady::now();
        if end < began {
            return;
        }
        let left = i64::try_from(end.since(began).as_millis()).unwrap_or(i64::MAX);
        let left = left.saturating_add(1).min(i64::from(i32::MAX));
        // SAFETY: waits on the variable that was prepared, or on this process's latch.
        stats::untimed(|| unsafe {
            if attached() {
                pg_sys::ConditionVariableTimedSleep(variable(self.number), left as _, wait_event());
            } else {
                let wake_on = (pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH) as i32;
                pg_sys::WaitLatch(pg_sys::MyLatch, wake_on, left.min(POLL_MS) as _, wait_event());
                pg_sys::ResetLatch(pg_sys::MyLatch);
            }
        });
        let waited = Steady::now().since(began).as_micros() as i64;
        stats::count(self.key, Counter::WaitTime, stats::bounded(waited, stats::LONGEST));
        check_for_interrupts!();
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        // While an error unwinds, the abort does this.
        if attached() && !std::thread::panicking() {
            // SAFETY: ends the preparation, if there is one.
            unsafe { pg_sys::ConditionVariableCancelSleep() };
        }
    }
}

/// Whether waiting can help, and no other transaction can be waiting for this one.
pub fn may_wait() -> bool {
    backend::may_write() && !backend::has_old_snapshot() && snapshot::current_if_assigned().is_none()
}

/// The wait event in `pg_stat_activity`: `CacheFill`, or `Extension` where PostgreSQL lets no extension name one.
fn wait_event() -> u32 {
    thread_local! {
        static EVENT: Cell<u32> = const { Cell::new(0) };
    }
    if EVENT.get() == 0 {
        EVENT.set(compat::wait_event(c"CacheFill"));
    }
    EVENT.get()
}
