//! The wrappers around PostgreSQL and pgrx that the rest of the extension uses.
//!
//! Owns the code that has nothing to do with caching. Must never know a table of the extension.

mod active_snapshot;
pub mod advisory;
mod array;
mod as_owner;
pub mod backend;
mod caught;
pub mod clock;
pub mod compat;
mod datum;
pub mod function_call;
mod inner_query;
pub mod latch;
mod local_settings;
pub mod prefetch;
pub mod procedure;
mod read_only;
mod result_set;
mod scratch;
mod session_user;
mod subtransaction;
mod time_limit;
pub mod transaction;
pub mod trigger;
mod value;

pub use active_snapshot::{under_catalog, under_latest, under_transaction};
pub use array::{ByteaArray, DoubleArray, IntervalArray, JsonbArray};
pub use as_owner::AsOwner;
pub use caught::catch;
pub use clock::Steady;
pub use datum::{BigintArray, Bytea, Jsonb, Regclass, Regprocedure, TextArray, Timestamp, Xid8};
pub use inner_query::InnerQuery;
pub use local_settings::{LocalSettings, SAFE_PATH};
pub use read_only::ReadOnly;
pub use result_set::ResultSet;
pub use scratch::Scratch;
pub use session_user::SessionUser;
pub use subtransaction::{
    attempt_despite_contention, contain, is_cancel, is_lock_timeout, message_of, rehearse, try_to,
};
pub use time_limit::{TimeLimit, forget_cancel};
pub use value::{Format, Value};
