//! Running as the owner of a table or a function.
//!
//! Owns the switch of the current user, undone on drop. Must never be used where a policy, trigger or rule of another
//! role could run: [`crate::access`] decides that.

use pgrx::pg_sys::{self, Oid};

/// Until dropped, the current user is the given owner. Code that runs as that owner can neither change the role nor
/// leave anything behind in the session.
pub struct AsOwner {
    user: Oid,
    context: i32,
}

impl AsOwner {
    /// Switches to the owner of a table of the extension, to whom its own policies do not apply.
    pub fn new(owner: Oid) -> Self {
        Self::with(owner, pg_sys::SECURITY_NOFORCE_RLS)
    }

    /// Switches to the owner of user code, to whom policies apply as usual.
    pub fn of_code(owner: Oid) -> Self {
        Self::with(owner, 0)
    }

    fn with(owner: Oid, more: u32) -> Self {
        let (mut user, mut context) = (Oid::INVALID, 0);
        let restrictions = pg_sys::SECURITY_LOCAL_USERID_CHANGE | pg_sys::SECURITY_RESTRICTED_OPERATION | more;
        // SAFETY: reads and sets two globals, as the executor does for a SECURITY DEFINER function.
        unsafe {
            pg_sys::GetUserIdAndSecContext(&mut user, &mut context);
            pg_sys::SetUserIdAndSecContext(owner, context | restrictions as i32);
        }
        Self { user, context }
    }
}

impl Drop for AsOwner {
    fn drop(&mut self) {
        // SAFETY: restores what `new` found, also while an error unwinds; an abort restores the same.
        unsafe { pg_sys::SetUserIdAndSecContext(self.user, self.context) };
    }
}
