//! The ground: PostgreSQL and pgrx as the rest of the extension uses them.
//!
//! Must never know a table of the extension.
//!
//! | module | what it owns |
//! |---|---|
//! | [`backend`] | the state of this process |
//! | [`clock`] | time |
//! | [`datum`] | values that are passed on and never parsed |
//! | [`as_owner`], [`local_settings`] | the current user and settings, until dropped |
//! | [`function_call`] | calling a function that may return NULL |
//! | [`subtransaction`], [`error_details`] | going on after an error; raising it again in full |
//! | [`active_snapshot`] | running work under a snapshot of its own |
//! | [`transaction`] | the end of transactions |
//! | [`advisory`] | which advisory locks a loader has taken |
//! | [`scratch`] | memory that is freed after each key |

pub mod active_snapshot;
pub mod advisory;
pub mod as_owner;
pub mod backend;
pub mod clock;
pub mod datum;
pub mod error_details;
pub mod function_call;
pub mod local_settings;
pub mod scratch;
pub mod subtransaction;
pub mod transaction;
