//! Owns the PostgreSQL servers that are ours to install into: which there are, and where each comes from.
//!
//! Must never change a PostgreSQL of the system's or the user's.

pub mod assertions;
mod debian;
mod discover;
mod installation;
mod private;
mod wheel;

pub use discover::{AtHand, LeftOut, at_hand, preferred, under_test};
pub use installation::{Installation, SUPPORTED, UNDER_TEST, locale};
