//! The wrappers around PostgreSQL and pgrx that the rest of the extension uses.
//!
//! Owns the code that has nothing to do with caching. Must never know a table of the extension.
//!
//! | module | what it owns |
//! |---|---|
//! | [`backend`] | the state of this process |
//! | [`clock`] | time |
//! | [`compat`] | where the major versions of PostgreSQL differ |
//! | [`datum`] | values that are passed on and never parsed |
//! | [`as_owner`], [`local_settings`] | the current user and settings, changed until dropped |
//! | [`function_call`] | calling a function that may return NULL |
//! | [`subtransaction`], [`error_details`] | going on after an error; raising an error again with all its details |
//! | [`active_snapshot`] | running work under a snapshot of its own |
//! | [`transaction`] | the hooks at the end of transactions |
//! | [`advisory`] | the session's advisory locks around user code |
//! | [`scratch`] | memory that is freed after each key |

pub mod active_snapshot;
pub mod advisory;
pub mod as_owner;
pub mod backend;
pub mod clock;
pub mod compat;
pub mod datum;
pub mod error_details;
pub mod function_call;
pub mod local_settings;
pub mod scratch;
pub mod subtransaction;
pub mod transaction;
