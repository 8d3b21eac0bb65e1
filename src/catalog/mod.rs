//! The extension's tables in this database.
//!
//! Owns the facts about them. A backend looks them up once, and again after PostgreSQL reports a change of the tables
//! or of a schema. Must never trust the search path: names are those in the extension's own schema.

mod extension_tables;
pub mod options;

pub use extension_tables::{ExtensionTables, LIBRARY, column, tag_column};
pub use options::namespace_column;

use crate::statement::{self, Statement, statement};
use crate::{error::CacheError, heap::shape::Shape, pg::compat};
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::prelude::*;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

static EXTENSION_TABLES: Statement = statement!("extension_tables.sql", []);
static EXTENSION_VERSION: Statement = statement!("extension_version.sql", []);

thread_local! {
    static KNOWN: RefCell<Option<Rc<ExtensionTables>>> = const { RefCell::new(None) };
    /// Set by the callbacks. These may run in the middle of anything, so they do nothing else.
    static CHANGED: Cell<bool> = const { Cell::new(false) };
    static NAMESPACES_CHANGED: Cell<bool> = const { Cell::new(false) };
}

/// Registers for PostgreSQL's reports of changes. Called once, when the library is loaded.
pub fn watch() {
    // SAFETY: registers functions that live as long as the process.
    unsafe {
        pg_sys::CacheRegisterRelcacheCallback(Some(on_relation_change), Datum::null());
        pg_sys::CacheRegisterSyscacheCallback(
            pg_sys::SysCacheIdentifier::NAMESPACEOID as _,
            Some(on_schema_change),
            Datum::null(),
        );
        compat::watch_extensions(on_extension_change);
    }
}

/// The tables of the extension. None if it is not installed.
pub fn tables() -> Option<Rc<ExtensionTables>> {
    if !CHANGED.get()
        && let Some(tables) = KNOWN.with_borrow(Clone::clone)
    {
        return Some(tables);
    }
    // The old facts are dropped before the look-up, so that none are left if it is interrupted. The flag is cleared
    // before it too, so that a change during the look-up leads to another one.
    let known = KNOWN.take();
    CHANGED.set(false);
    let found = look_up().map(Rc::new);
    let moved = known.is_some_and(|known| {
        found.as_ref().is_none_or(|found| (found.entries, &found.schema) != (known.entries, &known.schema))
    });
    if moved {
        statement::discard_plans();
        NAMESPACES_CHANGED.set(true);
    }
    KNOWN.set(found.clone());
    found
}

/// The tables of the extension, after the check that they are as the extension made them.
///
/// # Errors
/// [`CacheError::NotInstalled`], [`CacheError::Version`], [`CacheError::Reshaped`].
pub fn installed() -> Result<Rc<ExtensionTables>, CacheError> {
    let tables = find()?;
    tables.check()?;
    Ok(tables)
}

/// The tables of the extension, as [`tables`], or why there are none.
///
/// # Errors
/// [`CacheError::NotInstalled`], [`CacheError::Version`], [`CacheError::Reshaped`].
pub fn find() -> Result<Rc<ExtensionTables>, CacheError> {
    tables().map_or_else(
        || match why_absent() {
            // CREATE EXTENSION may have committed after the look-up of the tables.
            moved @ CacheError::Reshaped { .. } => tables().ok_or(moved),
            absent => Err(absent),
        },
        Ok,
    )
}

/// Checks that the library knows the version of the extension in this database, if it is installed.
///
/// # Errors
/// [`CacheError::Version`].
pub fn check_version() -> Result<(), CacheError> {
    match find() {
        Ok(tables) => tables.check_version(),
        Err(error @ CacheError::Version { .. }) => Err(error),
        Err(_) => Ok(()),
    }
}

/// The version of the extension has changed: every backend reads it again, this one at once. Before PostgreSQL 18 no
/// change of `pg_extension` is reported.
///
/// # Errors
/// [`CacheError::Version`].
pub fn version_changed() -> Result<(), CacheError> {
    CHANGED.set(true);
    if let Some(tables) = tables() {
        // SAFETY: sends a message about a table by its OID.
        unsafe { pg_sys::CacheInvalidateRelcacheByRelid(tables.entries) };
    }
    let checked = check_version();
    // A rollback takes the change back, and PostgreSQL does not report that.
    CHANGED.set(true);
    checked
}

/// Locks a table to the end of the transaction, if `allowed` permits it; `allowed` runs before each lock. The returned
/// facts hold under the lock.
///
/// # Errors
/// As [`installed`], and the errors of `allowed`.
pub fn lock(
    table: impl Fn(&ExtensionTables) -> Oid,
    lock: pg_sys::LOCKMODE,
    allowed: impl Fn(&ExtensionTables) -> Result<(), CacheError>,
) -> Result<Rc<ExtensionTables>, CacheError> {
    let mut tables = installed()?;
    loop {
        allowed(&tables)?;
        // SAFETY: locks by OID. If the table has been dropped meanwhile, the next look-up shows it.
        unsafe { pg_sys::LockRelationOid(table(&tables), lock) };
        let under_lock = installed()?;
        if Rc::ptr_eq(&tables, &under_lock) {
            return Ok(tables);
        }
        tables = under_lock;
    }
}

/// The OID of the extension, if it is installed in this database.
pub fn extension() -> Option<Oid> {
    // SAFETY: a look-up in the catalogs, which raises nothing if there is no such extension.
    let extension = unsafe { pg_sys::get_extension_oid(c"cache_pg".as_ptr(), true) };
    (extension != Oid::INVALID).then_some(extension)
}

/// Why [`tables`] returns None: the extension is not installed, it has a version that the library does not know, or one
/// of its tables is not where it was made.
fn why_absent() -> CacheError {
    let Some(version) = EXTENSION_VERSION.read_catalog(|rows| rows.get::<String>(0, 1)) else {
        return CacheError::NotInstalled;
    };
    if let Err(error) = extension_tables::check_version(&version) {
        return error;
    }
    CacheError::Reshaped {
        table: column::SHAPE.table,
        how: "This table, cache_tags or cache_namespaces was renamed or moved to another schema.".into(),
    }
}

/// Looks the tables up in the catalogs as they are now: the result outlives the transaction, and decides whether a
/// user's trigger may run.
fn look_up() -> Option<ExtensionTables> {
    EXTENSION_TABLES.read_catalog(|rows| {
        let [entries, tags, namespaces] = [rows.get(0, 2)?, rows.get(0, 7)?, rows.get(0, 5)?];
        let shapes = [(entries, &column::SHAPE), (tags, &tag_column::SHAPE), (namespaces, &namespace_column::SHAPE)];
        let version: String = rows.get(0, 16)?;
        Some(ExtensionTables {
            altered: shapes
                .into_iter()
                .find_map(|(table, shape)| Some((shape.table, difference(table, shape)?)))
                .or_else(|| (rows.get(0, 14) != Some(true)).then(|| (column::SHAPE.table, WRONG_KEY.into())))
                .or_else(|| (rows.get(0, 15) != Some(true)).then(|| (tag_column::SHAPE.table, WRONG_INDEX.into()))),
            is_supported: extension_tables::check_version(&version).is_ok(),
            version,
            schema: rows.get(0, 1)?,
            entries,
            owner: rows.get(0, 3)?,
            has_triggers_or_rules: rows.get(0, 4)?,
            namespaces,
            namespaces_owner: rows.get(0, 6)?,
            tags,
            has_own_columns: rows.get(0, 8)?,
            has_only_own_constraints: rows.get(0, 9)?,
            is_unlogged: rows.get(0, 10)?,
            has_policies: rows.get(0, 11)?,
            may_be_walked: rows.get(0, 12)?,
            has_foreign_keys: rows.get(0, 13)?,
        })
    })
}

/// What is said of `cache_entries` with another primary key, or none.
const WRONG_KEY: &str = "Its primary key must be on column \"key\" alone.";
/// What is said of `cache_tags` with other indexes.
const WRONG_INDEX: &str =
    "It must have an index on column \"tag\", and no index that is unique, partial or on an expression.";

/// How a table differs from the one that the extension made. The table is not locked: a caller that relies on the
/// answer has locked it, or locks it and asks again.
fn difference(table: Oid, shape: &Shape) -> Option<String> {
    // SAFETY: the relation cache keeps the entry while it is referenced; a dropped table has none.
    unsafe {
        let relation = pg_sys::RelationIdGetRelation(table);
        if relation.is_null() {
            return Some("It does not exist.".into());
        }
        let difference = shape.difference(relation);
        pg_sys::RelationClose(relation);
        difference
    }
}

/// Whether `cache_namespaces` may have changed since the last call.
pub fn namespaces_changed() -> bool {
    NAMESPACES_CHANGED.replace(false)
}

#[pg_guard]
unsafe extern "C-unwind" fn on_relation_change(_argument: Datum, relation: Oid) {
    // If nothing is known, a look-up may be under way: then every change may concern it.
    let about = |of: fn(&ExtensionTables) -> Oid| {
        relation == Oid::INVALID
            || KNOWN.try_with(|known| {
                known.try_borrow().map_or(true, |known| known.as_ref().is_none_or(|tables| of(tables) == relation))
            }) != Ok(false)
    };
    if about(|tables| tables.entries) || about(|tables| tables.tags) {
        CHANGED.set(true);
    }
    if about(|tables| tables.namespaces) {
        CHANGED.set(true);
        NAMESPACES_CHANGED.set(true);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn on_extension_change(_argument: Datum, _cache: compat::CacheOfCatalog, _hash: u32) {
    CHANGED.set(true);
}

#[pg_guard]
unsafe extern "C-unwind" fn on_schema_change(_argument: Datum, _cache: i32, _hash: u32) {
    CHANGED.set(true);
}
