//! Owns the comparison of rules that load keys before they are asked for. Must never touch a server.
//!
//! | module | what it is |
//! |---|---|
//! | [`rule`] | the rules, and what knows more than a rule can |
//! | [`replay`] | a cache whose entries live for a while, with refresh ahead and foreseen loads |
//! | [`compare`] | which replays there are |
//! | [`report`] | writes `docs/foreseen-demand.md` |

pub mod compare;
pub mod replay;
pub mod report;
pub mod rule;
