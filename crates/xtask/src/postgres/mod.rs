//! Owns the PostgreSQL installations that the tool may install into: which there are, and where each comes from.
//!
//! Must never change a PostgreSQL of the system or the user.

pub mod assertions;
mod debian;
mod discover;
mod installation;
mod private;
mod release;

pub use discover::{Available, LeftOut, available, preferred, under_test};
pub use installation::{Installation, OLDEST, SUPPORTED, UNDER_TEST, locale};
