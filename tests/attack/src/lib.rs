//! What the attacks share: a database to attack, roles with exactly the privileges in question, and what must hold
//! after whatever was tried.
//!
//! Must hold no test, and must never grant a role more than the test says.

pub mod fuzz;
mod log;
mod scene;

pub use log::{PREFIX, severe};
pub use scene::{DML, Scene, TENANT_POLICY, everything, run};
