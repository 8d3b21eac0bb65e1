//! The store: looking up, writing and deleting entries.
//!
//! A plain Rust interface for one key or many. It knows nothing of SQL functions: the functions of [`crate::api`] call
//! it, and a worker can call it too. Owns the meaning of the verbs and the order of locks. A verb that writes many keys
//! writes them in byte order, so two transactions never deadlock on keys. Must never know an SQL function.
//!
//! An entry is live if it has a value, JSON or bytes, its deadline has not come and none of its tags has been
//! invalidated. A delete writes a tombstone: a row without a value (DESIGN.md, "Freshness").
//!
//! | module | what it owns |
//! |---|---|
//! | [`image`] | a row version: its columns, and what "live" means |
//! | [`carried`] | the tags of a row, read without trust |
//! | [`types`] | what the verbs take and return |
//! | [`read`], [`look`], [`range`] | looking up: live entries, entries past their deadline, the keys of a namespace |
//! | [`announce`], [`open`] | announcing a change; opening the table for it |
//! | [`write`], [`delete`] | the blind verbs |
//! | [`wanted`] | keys in line to be warmed: rows without a value |
//! | [`reload`] | computing a live value anew before its deadline, or that of a key in line |
//! | [`fetch`], [`fill`], [`read_through`] | computing a missing value once, and storing it only if it cannot be stale |
//! | [`fence`], [`flight`] | the fence, which refuses stale values; single flight: the locks of claims and fills |
//! | [`trial`] | asking the caller's policies before any work is done |
//! | [`tag_lists`] | lists of tags as callers write them |
//! | [`tags`], [`known_tags`] | labels that many entries carry and one write invalidates; their generations during a walk |
//! | [`fence_tags`] | the tags that are fences |
//! | [`tag_policies`] | which tags a caller may invalidate, clear or see under row security |
//! | [`statements`] | the verbs through the executor, where policies, triggers or further indexes apply |

mod announce;
mod carried;
mod delete;
mod fence;
pub mod fence_tags;
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
mod reload;
mod statements;
mod tag_lists;
mod tag_policies;
pub mod tags;
mod trial;
mod types;
mod wanted;
mod write;

pub use delete::{clear, clear_namespace, delete, take};
pub use fetch::fetch;
pub use fill::{fill, release};
pub use read::{count, entry, expires_at, get, get_many, keys};
pub use read_through::{Storing, get_or_load};
pub use reload::{Reloaded, reload};
pub use tag_lists::{tag_names, tags};
pub use tag_policies::{check_clear, check_tags, hold as tags_hold};
pub use trial::check_key;
pub use types::{Condition, NewEntry};
pub use wanted::{Put, Wanted, leave_out, load_in_line, put_in_line, tags_in_line};
pub use write::{get_and_touch, incr, put, put_many, touch};
