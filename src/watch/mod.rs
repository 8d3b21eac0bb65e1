//! Watched tables: a change of a row deletes the keys and invalidates the tags that the row names.
//!
//! | module | what it owns |
//! |---|---|
//! | [`templates`] | what a table is watched for: the argument of its triggers, and nothing else anywhere |
//! | [`tree`] | which tables have the triggers: the watched one and every table below it, those to come as well |
//! | [`install`] | making and dropping the triggers of a table |
//! | [`ddl`] | what follows from commands that change watched tables |
//! | [`missing`] | what watched tables lack: columns that templates name, and triggers |
//! | [`trigger`] | what happens when a statement has changed rows |
//! | [`rows`], [`columns`], [`cast`] | the rows that a statement has changed, and their columns as text |
//! | [`texts`] | keys in byte order, each once, however many |
//!
//! The triggers are part of the source's definition. So pg_dump keeps them, a dropped table leaves nothing behind,
//! and there is no table of ours that could disagree with what happens.

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
