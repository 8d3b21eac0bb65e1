//! The verbs of the store as statements, for tables on which a policy, trigger, rule or further index applies.
//!
//! Owns this second way of writing. Where a policy or trigger applies the statements run as the caller (see
//! [`crate::access`]). Must never give another answer than the code below the executor: the golden tests run over both.

/// A statement whose first parameters are those of a new entry ([`entry::params`]).
macro_rules! statement_of_entry {
    ($file:literal $(, $further:ident)*) => {
        $crate::statement::statement!($file, [
            TEXTOID, JSONBOID, BYTEAOID, TEXTARRAYOID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8ARRAYOID $(, $further)*
        ])
    };
}

mod blind;
mod entry;
mod fenced;

pub use blind::{clear, delete, incr, put, put_many, take, touch};
pub use fenced::{fill, fill_unleased, lease, look, release};
