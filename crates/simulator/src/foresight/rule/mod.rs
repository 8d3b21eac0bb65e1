//! Owns the rules of foreseen demand that are compared, and their list.
//!
//! Must never favour one: all see the same loads and have the same number of slots.

mod future;
mod habits;
mod hindsight;
mod history;
mod interface;
mod last_week;
mod namespace;
mod table;
mod votes;
mod yesterday;

#[cfg(test)]
mod tests;

pub use future::{Blind, Oracle};
pub use hindsight::Hindsight;
pub use history::History;
pub use interface::{Make, Rule};
pub use table::{BYTES_OF_A_SLOT, SLOTS};

use table::Table;

/// The rules by name, in the order of the table.
pub const RULES: [(&str, Make); 5] = [
    ("yesterday", |ttl, _| Box::new(Table::<yesterday::Yesterday>::new(ttl, SLOTS))),
    ("last week", |ttl, _| Box::new(Table::<last_week::LastWeek>::new(ttl, SLOTS))),
    ("votes", |ttl, _| Box::new(Table::<votes::Votes>::new(ttl, SLOTS))),
    ("namespace", |ttl, namespaces| Box::new(namespace::Namespaces::new(ttl, namespaces))),
    ("habits", |ttl, _| Box::new(Table::<habits::Habits>::new(ttl, SLOTS))),
];
