//! The verbs of the store as statements, where a policy, trigger, rule or further index has a say in what is written.
//!
//! They run as the caller where a policy or trigger rules (see [`crate::access`]). Must give the same answers as the
//! ways below the executor: the golden tests run over both.

mod blind;
mod fenced;

pub use blind::{clear, delete, incr, put, put_many, take, touch};
pub use fenced::{fill, fill_unleased, lease, look, release};
