//! Waiting for a while, or until this process is woken.
//!
//! Owns the wait on the latch of the process. Must never be called while a lock is held that another process waits for.

use pgrx::{check_for_interrupts, pg_sys};
use std::time::Duration;

/// Sleeps until the time is over or the latch is set, and serves interrupts.
pub fn nap(length: Duration) {
    let wake_on = (pg_sys::WL_LATCH_SET | pg_sys::WL_TIMEOUT | pg_sys::WL_EXIT_ON_PM_DEATH) as i32;
    // SAFETY: waits on this process's own latch.
    unsafe {
        pg_sys::WaitLatch(pg_sys::MyLatch, wake_on, length.as_micros().div_ceil(1000) as _, pg_sys::PG_WAIT_EXTENSION);
        pg_sys::ResetLatch(pg_sys::MyLatch);
    }
    check_for_interrupts!();
}
