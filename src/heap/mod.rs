//! Tables below the executor: look-ups through an index, and writes that follow the newest version of a row.
//!
//! Apart from the client protocol, most of the cost of a call is the executor, and the access methods do not need it.
//! They can also do what no SQL statement can: write over the newest version of a row at every isolation level, and
//! give up instead of waiting. Owns all unsafe code that touches rows. Must never serve a call to which a policy,
//! trigger, rule or further index applies (`Access::reads_directly`), because nothing here evaluates them.
//! [`crate::access`] checks privileges before.
//!
//! | module | what it owns |
//! |---|---|
//! | [`table`] | an open table, and the index by which its rows are found |
//! | [`definition`] | which transaction last changed its definition, and in which file an older snapshot finds it |
//! | [`scan`] | the rows of a key, under a snapshot or under none |
//! | [`row`] | one row, column by column |
//! | [`shape`] | the columns of a table, and their types |
//! | [`hints`] | where the row of a key was last seen |
//! | [`follow`] | reading a row by a hint, without the index |
//! | [`page`] | the page that a hint names, in its buffer |
//! | [`prefetch`] | prefetching what a hint leads to |
//! | [`change`] | writing over the newest version of a key's row, by waiting or by giving up |
//! | [`write`] | storing one version of a row, and its index entry |
//! | [`lock`] | locks on single rows |
//! | [`upkeep`] | maintenance: walking all rows of a table, and removing or replacing them without waiting |
//! | [`referrer`] | a user's table that has a foreign key to ours |
//! | [`snapshot`] | which transactions a snapshot sees |
//!
//! The protocol is that of `INSERT ... ON CONFLICT` (ExecInsert in nodeModifyTable.c) and of the apply worker of
//! logical replication (execReplication.c).

pub mod change;
mod definition;
pub mod follow;
pub mod hints;
mod lock;
mod page;
mod prefetch;
pub mod referrer;
mod row;
mod scan;
pub mod shape;
pub mod snapshot;
pub mod table;
pub mod upkeep;
mod write;

pub use change::{Contention, Decision, change};
pub use row::Row;
pub use scan::{Scan, View};
pub use snapshot::{FullXid, NO_XID, Seen};
pub use table::{Purpose, Table};
