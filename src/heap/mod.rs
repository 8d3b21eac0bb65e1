//! Tables below the executor: look-ups through an index, and writes that follow the newest version of a row.
//!
//! What a call costs beside the protocol is mostly the executor; the access methods need none. They also do what no SQL
//! statement can: go on from the newest version of a row at every isolation level, and give up instead of waiting. Owns
//! all unsafe code that touches rows. Must never do a caller's work where a policy, trigger, rule or further index has
//! a say (`Access::reads_directly`): nothing here asks them. Privileges are checked before, by [`crate::access`].
//!
//! | module | what it owns |
//! |---|---|
//! | [`table`] | a table, open, with the one index by which its rows are found |
//! | [`definition`] | who defined it last, and in which file an older snapshot found it |
//! | [`scan`] | the rows of a key, as a snapshot, or nobody's snapshot, sees them |
//! | [`row`] | one of them, column by column |
//! | [`shape`] | what columns a table has, and of which types |
//! | [`hints`] | where the row of a key was seen last |
//! | [`follow`] | reading a row where a hint says it is, without the index |
//! | [`page`] | the page that a hint names, in its buffer |
//! | [`change`] | writing the newest version of a key's row, by waiting or by giving up |
//! | [`write`] | storing one version of a row, and its index entry |
//! | [`lock`] | locks on single rows |
//! | [`upkeep`] | every row of a table, removed or replaced without waiting: maintenance, which asks nobody |
//! | [`referrer`] | a table of somebody else that a foreign key ties to ours |
//! | [`snapshot`] | what a snapshot sees of a transaction |
//!
//! The protocol is that of `INSERT ... ON CONFLICT` (ExecInsert in nodeModifyTable.c) and of logical replication
//! (execReplication.c).

pub mod change;
mod definition;
pub mod follow;
pub mod hints;
mod lock;
mod page;
pub mod referrer;
pub mod row;
pub mod scan;
pub mod shape;
pub mod snapshot;
pub mod table;
pub mod upkeep;
mod write;
