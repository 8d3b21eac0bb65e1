//! The three protocols, spoken over a Unix socket by a client that does as little as one can.
//!
//! One request is one `write`, its answer is read with as few `read`s as it comes in. Every contender is asked through
//! the same few lines, so what differs is the server.
//!
//! Must never hold state that one server's client has and another's has not, such as a pool or a background thread.

pub mod memcached;
pub mod postgres;
pub mod resp;
mod stream;
