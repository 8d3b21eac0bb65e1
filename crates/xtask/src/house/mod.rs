//! Owns the rules of the house that no compiler knows: how a file begins, how long it is, and what it may import.
//!
//! Must never judge the wording.

mod circles;
mod graph;
mod head;
mod layers;
mod mentions;
mod parts;
mod report;
mod syntax;
#[cfg(test)]
mod tests;

pub use mentions::check as check_documents;
pub use parts::check;
pub use report::print;
