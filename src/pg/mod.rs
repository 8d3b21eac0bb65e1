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
//! | [`transaction`], [`trigger`] | the hooks at the end of transactions; the calls of trigger functions |
//! | [`advisory`] | the session's advisory locks around user code |
//! | [`scratch`] | memory that is freed after each key |

mod active_snapshot;
pub mod advisory;
mod as_owner;
pub mod backend;
pub mod clock;
pub mod compat;
mod datum;
mod error_details;
pub mod function_call;
mod local_settings;
mod scratch;
mod subtransaction;
pub mod transaction;
pub mod trigger;

pub use active_snapshot::{under_catalog, under_latest, under_transaction};
pub use as_owner::AsOwner;
pub use clock::Steady;
pub use datum::{BigintArray, Jsonb, Regclass, Regprocedure, TextArray, Timestamp, Xid8};
pub use error_details::ErrorDetails;
pub use local_settings::{LocalSettings, SAFE_PATH};
pub use scratch::Scratch;
pub use subtransaction::{attempt, attempt_despite_contention, contain, is_cancel, message_of, rehearse};
