//! A stress test with a judge: many sessions at random change a source and invalidate what shows it, read, load late,
//! roll back, sweep, and lose their server, while every value that a read returns is held against the source's history.
//!
//! | module | what it owns |
//! |---|---|
//! | [`history`] | which version was committed when: the judge |
//! | [`view`] | what is cached, and what invalidates it |
//! | [`mode`] | the caches that are tried |
//! | [`fault`] | what is made wrong with them, to try the judge |
//! | [`run`] | the server, the sessions, the crashes |
//! | [`session`] | a client and its errors |
//! | [`source`], [`invalidation`] | how rows change, and how the cache is told |
//! | [`writer`], [`reader`], [`loader`], [`keeper`], [`sweeper`], [`warmer`] | what clients do |
//! | [`administrator`], [`partitioner`] | what is done to the tables meanwhile |
//! | [`change`], [`savepoint`] | how transactions end, and what they take back |
//! | [`dice`] | chance |
//! | [`tally`] | what happened, counted |

pub mod administrator;
pub mod change;
pub mod dice;
pub mod fault;
pub mod history;
pub mod invalidation;
pub mod keeper;
pub mod loader;
pub mod mode;
pub mod partitioner;
pub mod reader;
pub mod run;
pub mod savepoint;
pub mod session;
pub mod source;
pub mod sweeper;
pub mod tally;
pub mod view;
pub mod warmer;
pub mod writer;
