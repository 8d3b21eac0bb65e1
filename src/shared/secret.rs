//! The secrets of this server.
//!
//! Owns two secrets. The secret of tokens stays the same as long as the cluster lives, on its standbys too: a token
//! from an earlier run of the server is authentic, though of no use. The secret of locks differs in every run. Both
//! derive from a random number that initdb writes into the control file and that no SQL shows (SCRAM uses it for roles
//! that do not exist). So they need no shared memory; where there is some, the secret of locks is random besides. Must
//! never be shown or written anywhere.

use super::directory::attached;
use crate::pg::backend;
use cache_pg_rules::secret::{BYTES, Secret};
use pgrx::{PGRXSharedMemory, PgAtomic, pg_shmem_init, pg_sys};
use std::cell::OnceCell;

/// The length of PostgreSQL's random number in bytes (`MOCK_AUTH_NONCE_LEN`).
const NONCE: usize = 32;

#[derive(Default)]
struct Run([u8; BYTES]);

// SAFETY: plain bytes, written before any other process can see them.
unsafe impl PGRXSharedMemory for Run {}

// SAFETY: the name is used once.
static RUN: PgAtomic<Run> = unsafe { PgAtomic::new(c"cache_pg secret") };

thread_local! {
    static TOKENS: OnceCell<Secret> = const { OnceCell::new() };
    static LOCKS: OnceCell<Secret> = const { OnceCell::new() };
}

/// Reserves the shared memory. Called by the postmaster while it loads libraries.
pub fn register() {
    pg_shmem_init!(RUN = Run::random());
}

impl Run {
    fn random() -> Self {
        let mut bytes = [0; BYTES];
        // SAFETY: writes as many bytes as it is told. Without randomness, the secret rests on its other parts.
        unsafe { pg_sys::pg_strong_random(bytes.as_mut_ptr().cast(), BYTES) };
        Self(bytes)
    }
}

/// The secret that authenticates the tokens of this database.
pub fn of_tokens() -> Secret {
    let derive = || Secret::derive(&seed(&backend::database().to_u32().to_le_bytes()), "tokens");
    TOKENS.with(|known| *known.get_or_init(derive))
}

/// The secret that numbers the locks of this run of the server.
pub fn of_locks() -> Secret {
    let derive = || {
        // SAFETY: a variable of the postmaster, inherited by every process.
        let started = unsafe { pg_sys::PgStartTime }.to_le_bytes();
        let run = if attached() { RUN.get().0 } else { [0; BYTES] };
        Secret::derive(&seed(&[&started, run.as_slice()].concat()), "locks")
    };
    LOCKS.with(|known| *known.get_or_init(derive))
}

/// PostgreSQL's random number, followed by `more`.
fn seed(more: &[u8]) -> Vec<u8> {
    // SAFETY: the number is in the control file, which every process has in shared memory, and has this length.
    let nonce = unsafe { std::slice::from_raw_parts(pg_sys::GetMockAuthenticationNonce().cast::<u8>(), NONCE) };
    [nonce, more].concat()
}
