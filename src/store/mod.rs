//! The store: looking up, writing and deleting entries.
//!
//! A plain Rust interface, for one key or many, that knows nothing of SQL functions: the functions of [`crate::api`]
//! call it, and so can a worker. Owns the meaning of the verbs and the order of locks: who writes many keys writes
//! them in byte order, so that two never deadlock.
//!
//! An entry is live while its value is not NULL, its deadline has not come and none of its tags was invalidated. A
//! delete leaves a tombstone, a row without a value (DESIGN.md, "Freshness").
//!
//! | module | what it owns |
//! |---|---|
//! | [`image`] | a row: what its columns mean, and what "live" is |
//! | [`carried`] | its tags, read without trust |
//! | [`types`] | what the verbs take and return |
//! | [`read`], [`look`], [`range`] | looking up: live entries, entries past their deadline, the keys of a namespace |
//! | [`announce`], [`open`] | telling of a change; opening the table for one |
//! | [`write`], [`counter`], [`delete`] | the blind verbs |
//! | [`fetch`], [`fill`], [`read_through`] | computing what is missing, once, and storing it only if it cannot be stale |
//! | [`fence`], [`flight`] | what may not be stored any more; who is computing or storing right now |
//! | [`trial`] | what the caller's policies would let it write, asked before anything is done |
//! | [`tags`], [`known_tags`] | labels that many entries carry, and that are invalidated in one write; their generations during a walk |
//! | [`tag_policies`] | which tags a caller may invalidate, clear or see under row security |
//! | [`statements`] | the same through the executor, where policies, triggers or indexes have a say |

mod announce;
mod carried;
mod counter;
mod delete;
mod fence;
mod fetch;
mod fill;
mod flight;
mod image;
pub mod known_tags;
mod look;
mod open;
mod range;
mod read;
mod read_through;
mod statements;
mod tag_policies;
pub mod tags;
mod trial;
mod types;
mod write;

pub use carried::MOST_TAGS;
pub use counter::incr;
pub use delete::{clear, delete, take};
pub use fetch::fetch;
pub use fill::{fill, release};
pub use read::{entry, expires_at, get, get_many, keys};
pub use read_through::{Storing, get_or_load};
pub use tag_policies::{check_clear, check_tags, hold as tags_hold};
pub use trial::check_key;
pub use types::{Condition, Fresh, New};
pub use write::{put, put_many, touch};
