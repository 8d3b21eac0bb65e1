//! The verbs of the store as statements, for tables on which a policy, trigger, rule or further index applies.
//!
//! Owns this second way of writing. Where a policy or trigger applies the statements run as the caller (see
//! [`crate::access`]). Must give the same answers as the code below the executor: the golden tests run over both.

mod blind;
mod fenced;

pub use blind::{clear, delete, incr, put, put_many, take, touch};
pub use fenced::{fill, fill_unleased, lease, look, release};
