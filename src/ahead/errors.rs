//! The last error of the loads of each namespace.
//!
//! Owns these texts, in shared memory behind one lightweight lock. Only the view that pg_monitor may read shows them,
//! because a loader may put anything into its error. Must never be locked while a loader runs.

use crate::pg::{Timestamp, backend, clock};
use pgrx::pg_sys::Oid;
use pgrx::{PGRXSharedMemory, PgLwLock, pg_shmem_init};

/// Of how many namespaces the last error is kept, in all databases together: those that failed last.
const ERRORS: usize = 64;
/// The longest key.
const MAX_KEY: usize = 512;
/// The longest message that is kept, in bytes.
const MAX_MESSAGE: usize = 256;

#[derive(Clone, Copy)]
struct Kept {
    /// InvalidOid: free.
    database: Oid,
    namespace: u64,
    at: Timestamp,
    key: Text<MAX_KEY>,
    message: Text<MAX_MESSAGE>,
}

#[derive(Clone, Copy)]
struct Text<const MOST: usize> {
    length: usize,
    bytes: [u8; MOST],
}

impl<const MOST: usize> Text<MOST> {
    const EMPTY: Self = Self { length: 0, bytes: [0; MOST] };

    fn of(text: &str) -> Self {
        let length = text.floor_char_boundary(MOST);
        let mut bytes = [0; MOST];
        bytes[..length].copy_from_slice(&text.as_bytes()[..length]);
        Self { length, bytes }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.length.min(MOST)]).into_owned()
    }
}

struct Errors([Kept; ERRORS]);

// SAFETY: plain data, no pointers.
unsafe impl PGRXSharedMemory for Errors {}

// SAFETY: the name is used once.
static LAST: PgLwLock<Errors> = unsafe { PgLwLock::new(c"cache_pg load errors") };

const FREE: Kept =
    Kept { database: Oid::INVALID, namespace: 0, at: Timestamp(0), key: Text::EMPTY, message: Text::EMPTY };

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(LAST = Errors([FREE; ERRORS]));
}

/// An error, as it is shown.
pub struct LastError {
    pub at: Timestamp,
    pub key: String,
    pub message: String,
}

impl LastError {
    /// The message, with the key if it is about one.
    pub fn explained(&self) -> String {
        explained(&self.key, &self.message)
    }
}

/// A message, with the key if it is about one.
pub fn explained(key: &str, message: &str) -> String {
    if key.is_empty() { message.into() } else { format!("for key \"{key}\": {message}") }
}

/// Keeps an error of a load, in place of the last one of its namespace.
pub fn keep(database: Oid, namespace: u64, key: &str, message: &str) {
    let kept = Kept { database, namespace, at: clock::now(), key: Text::of(key), message: Text::of(message) };
    let mut last = LAST.exclusive();
    let is_it = |it: &Kept| it.database == database && it.namespace == namespace;
    let found = last.0.iter().position(is_it);
    let oldest = || (0..ERRORS).min_by_key(|&it| (last.0[it].database != Oid::INVALID, last.0[it].at.0)).unwrap_or(0);
    let place = found.unwrap_or_else(oldest);
    last.0[place] = kept;
}

/// The last error of a namespace of this database, by the hash of its name.
pub fn last_of(namespace: u64) -> Option<LastError> {
    let database = backend::database();
    let last = LAST.share();
    let kept = last.0.iter().find(|it| it.database == database && it.namespace == namespace)?;
    Some(LastError { at: kept.at, key: kept.key.text(), message: kept.message.text() })
}

/// A database is gone: forgets its errors.
pub fn drop_database(database: Oid) {
    LAST.exclusive().0.iter_mut().filter(|it| it.database == database).for_each(|it| *it = FREE);
}
