//! Owns timed traces: at which second which key is asked for, and which keys belong to one namespace.
//!
//! Must never depend on anything but its arguments: a name and a seed give the same trace on every machine.

mod demand;
mod file;
mod shape;
mod shapes;

pub use demand::{DAY, Demand, Timed, WEEK};
pub use file::read;
pub use shapes::{PATTERNED, SHAPES, shaped};
