//! Owns private Debian systems for tests, each in a root directory and namespaces of its own.
//!
//! Must never leave a process, a mount or a directory behind, nor change the system that it runs on, except for the
//! programs that make such a root.

mod jail;
mod system;

pub use jail::Jail;
pub use system::{DEBIANS_MAJOR, System, Unavailable, debian};
