//! The store: looking up, writing and deleting entries.
//!
//! A plain Rust interface, for one key or many, that knows nothing of SQL functions: the functions of [`crate::api`]
//! call it, and so can a worker. Owns the meaning of the verbs and the order of locks: who writes many keys writes
//! them in byte order, so that two never deadlock.
//!
//! An entry is live while its value is not NULL and its deadline has not come. A delete leaves a tombstone, a row
//! without a value (DESIGN.md, "Freshness").

mod delete;
mod index;
mod read;
mod write;

pub use delete::{clear, delete, take};
pub use read::{entry, expires_at, get, get_many, keys};
pub use write::{Condition, New, incr, put, put_many, touch};
