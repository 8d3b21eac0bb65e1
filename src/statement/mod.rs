//! Running SQL with kept plans.
//!
//! Owns how the extension runs SQL: a backend plans each statement of `sql/statements` once (a generic plan), keeps the
//! plan, and runs it through SPI. pgrx's own SPI layer assigns a transaction ID even to reads, and parses the values
//! that it returns; a cache can afford neither (P4, "Values are never parsed"). Must never build SQL from a value.

mod fragment;
mod kept;
mod query;
mod rows;
mod running;
mod spi;

pub use kept::{Schema, Statement, command, discard_plans};
pub use query::{Listed, check_query, list, query};
pub use rows::{FromColumn, Rows};
pub use running::{is_fired_by_no_statement, is_running};
pub use spi::{IntoParam, Param};

/// Declares a [`Statement`] from a file in `sql/statements`.
macro_rules! statement {
    ($file:literal, [$($oid:ident),*]) => {
        $crate::statement::Statement {
            sql: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/statements/", $file)),
            types: &[$(pgrx::pg_sys::$oid),*],
        }
    };
}
pub(crate) use statement;
