//! Announcing a change of entries to the parts that must learn of it at the commit.
//!
//! Owns the list of them: the sweeper, the backends that wait for the key, and the near caches. Opening the table for a
//! change takes an [`Announced`], so no verb can forget one. Must never write.

use crate::{ahead, catalog::ExtensionTables, near, shared::flags, wake};
use cache_pg_rules::{key::Key, namespace::Namespace};

/// The proof that a change was announced.
#[must_use]
pub struct Announced(());

/// The row of a key changes but its value does not: a lease, a new deadline. Near caches are not told.
pub fn row(key: Key) -> Announced {
    flags::record_write();
    wake::at_end(key.as_str());
    Announced(())
}

/// The value of a key changes or is deleted.
pub fn value(tables: &ExtensionTables, key: Key) -> Announced {
    values(tables, [key])
}

/// The values of keys change or are deleted.
pub fn values<'a>(tables: &ExtensionTables, keys: impl IntoIterator<Item = Key<'a>>) -> Announced {
    flags::record_write();
    for key in keys {
        wake::at_end(key.as_str());
        near::key(tables, key);
    }
    Announced(())
}

/// The entries of a namespace, or all, are deleted.
pub fn namespace(tables: &ExtensionTables, namespace: Option<Namespace>) -> Announced {
    flags::record_write();
    wake::all_at_end();
    near::namespace(tables, namespace);
    Announced(())
}

impl Announced {
    /// The computed value was stored after [`row`] was announced. Tells the near caches too, and refresh ahead.
    pub fn stored(&self, tables: &ExtensionTables, key: Key) {
        near::key(tables, key);
        ahead::record_stored(tables, key);
    }
}
