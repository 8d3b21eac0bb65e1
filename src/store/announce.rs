//! Announcing a change of entries to everybody who must learn of it at the commit.
//!
//! Owns the list of them: the sweeper, the sessions that wait for the key, and the near caches. Opening the table for a
//! change takes an [`Announced`], so no verb can forget one.

use crate::catalog::Home;
use crate::near;
use crate::shared::flags;
use crate::wake;
use cache_pg_rules::key::Key;
use cache_pg_rules::namespace::Namespace;

/// The proof that a change was announced.
#[must_use]
pub struct Announced(());

/// The row of a key changes, and its value does not: a lease, a new deadline. Near caches are not told.
pub fn row(key: Key) -> Announced {
    flags::note_write();
    wake::at_end(key);
    Announced(())
}

/// The value of a key changes or goes.
pub fn value(home: &Home, key: Key) -> Announced {
    values(home, [key])
}

/// The values of keys change or go.
pub fn values<'a>(home: &Home, keys: impl IntoIterator<Item = Key<'a>>) -> Announced {
    flags::note_write();
    for key in keys {
        wake::at_end(key);
        near::key(home, key);
    }
    Announced(())
}

/// The entries of a namespace, or all, go.
pub fn namespace(home: &Home, namespace: Option<Namespace>) -> Announced {
    flags::note_write();
    wake::all_at_end();
    near::namespace(home, namespace);
    Announced(())
}

impl Announced {
    /// The value was stored, after [`row`]: the near caches are told too.
    pub fn stored(&self, home: &Home, key: Key) {
        near::key(home, key);
    }
}
