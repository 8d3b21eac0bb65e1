//! Watched tables: a change of a row deletes the keys and invalidates the tags that the row names.
//!
//! | module | what it owns |
//! |---|---|
//! | [`templates`] | the templates of a table, which are the argument of its triggers and are stored nowhere else |
//! | [`tree`] | which tables have the triggers: the watched table, and every table that is or comes below it |
//! | [`install`] | the trigger function; creating and dropping the triggers of a table |
//! | [`ddl`] | the event triggers: commands that change watched tables |
//! | [`missing`] | what watched tables lack: columns that templates name, and triggers |
//! | [`trigger`] | what happens when a statement has changed rows |
//! | [`rows`], [`columns`], [`cast`] | the changed rows, and their columns as text |
//! | [`texts`] | any number of keys in byte order, without duplicates |
//!
//! Owns watches. Must never store one anywhere but in the triggers of the watched table. They are part of its
//! definition, so pg_dump keeps them, DROP TABLE drops them, and no table of the extension can disagree with them.

mod cast;
mod columns;
mod ddl;
mod install;
mod missing;
mod rows;
mod templates;
mod texts;
pub mod tree;
mod trigger;

pub use missing::{missing_columns, unwatched_tables};
pub use templates::Watch;
