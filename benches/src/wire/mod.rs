//! Owns the clients of the three protocols, over Unix sockets, with as little work as possible.
//!
//! A request is one `write`, and its answer is read with as few `read`s as it arrives in. All contenders use the same
//! few lines, so any difference comes from the server.
//!
//! Must never hold state that one server's client has and another's has not, such as a pool or a background thread.

pub mod array;
pub mod memcached;
pub mod postgres;
pub mod resp;
mod stream;
