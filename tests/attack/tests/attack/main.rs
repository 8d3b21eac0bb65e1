//! Attacks on the cache by roles with exactly the privileges in question. Each test is named after what must not
//! happen. One program, so that all share a server.

mod errors;
mod injected_sql;
mod limits;
mod loaders;
mod odd_rows;
mod plain_sql;
mod rights;
mod statistics;
mod tenants;
mod unlisted;
