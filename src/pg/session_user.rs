//! The session user of a background worker.
//!
//! Owns the switch to another session user, undone on drop. A worker is connected as the bootstrap superuser, and code
//! of users that runs in it must not be told so by `session_user`. Must never be used in a session of a client.

use pgrx::pg_sys::{self, Oid};

/// Until dropped, the session user is another role, and so is the current one.
pub struct SessionUser;

impl SessionUser {
    /// From now on. Called in a transaction, outside of any change of the current user.
    pub fn begin(role: Oid) -> Self {
        // SAFETY: the worker is connected as a superuser, who may become any role.
        unsafe { pg_sys::SetSessionAuthorization(role, pg_sys::superuser_arg(role)) };
        Self
    }
}

impl Drop for SessionUser {
    fn drop(&mut self) {
        // SAFETY: as above; the role is that with which the worker has connected.
        unsafe { pg_sys::SetSessionAuthorization(pg_sys::BOOTSTRAP_SUPERUSERID.into(), true) };
    }
}
