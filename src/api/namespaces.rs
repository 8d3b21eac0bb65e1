//! Functions that configure namespaces. EXECUTE is the owner's to grant; a loader takes the rights of its owner, too.

use super::namespace;
use crate::configuring;
use crate::error::CacheError;
use crate::loader;
use crate::namespaces;
use crate::pg::clock;
use crate::pg::datum::{Regprocedure, Timestamp};
use crate::settings;
use crate::statement::{IntoParam, Statement, statement};
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

static CONFIGURE: Statement = statement!(
    "configure.sql",
    [TEXTOID, INTERVALOID, INTERVALOID, FLOAT8OID, INT4OID, FLOAT8OID, TEXTOID, BOOLOID, INT8OID, INT8OID]
);
static UNCONFIGURE: Statement = statement!("unconfigure.sql", [TEXTOID]);

/// Creates or changes a namespace: only what is given changes.
#[pg_extern(volatile, parallel_unsafe)]
#[allow(clippy::too_many_arguments, reason = "one for each option, each given by name")]
fn cache_configure(
    namespace: Option<&str>,
    default_ttl: default!(Option<Interval>, "NULL"),
    stale_for: default!(Option<Interval>, "NULL"),
    jitter: default!(Option<f64>, "NULL"),
    max_value_size: default!(Option<i32>, "NULL"),
    early_refresh: default!(Option<f64>, "NULL"),
    loader: default!(Option<Regprocedure>, "NULL"),
    notify: default!(Option<bool>, "NULL"),
    max_entries: default!(Option<i64>, "NULL"),
    max_size: default!(Option<i64>, "NULL"),
) -> Result<(), ErrorReport> {
    configuring::refuse_if_restricted("cache_configure")?;
    let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
    if let Some(ttl) = default_ttl {
        namespaces::lifetime(ttl, clock::now())?;
    }
    let longest = settings::max_ttl().unwrap_or(i64::MAX - 1);
    check("stale_for", "from 0 to cache_pg.max_ttl, and finite", stale_for, |&it| {
        (0..=longest).contains(&clock::length(it)) && clock::after(Timestamp(0), it) != Timestamp::FOREVER
    })?;
    check("jitter", "from 0 to 1", jitter, |it| (0.0..=1.0).contains(it))?;
    check("max_value_size", "1 byte or more", max_value_size, |&it| it >= 1)?;
    check("early_refresh", "from 0 to 100", early_refresh, |it| (0.0..=100.0).contains(it))?;
    check("max_entries", "1 or more", max_entries, |&it| it >= 1)?;
    check("max_size", "1 byte or more", max_size, |&it| it >= 1)?;
    let loader = loader.map(|function| loader::check(function.oid())).transpose()?;
    let params = [
        namespace.as_str().param(),
        default_ttl.param(),
        stale_for.param(),
        jitter.param(),
        max_value_size.param(),
        early_refresh.param(),
        loader.map(|loader| loader.signature).param(),
        notify.param(),
        max_entries.param(),
        max_size.param(),
    ];
    configuring::write_namespaces(|tables| CONFIGURE.write(tables, &params, |_| ()))?;
    Ok(())
}

/// Forgets a namespace's options: the settings rule again. Entries stay. Returns whether there were any.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_unconfigure(namespace: Option<&str>) -> Result<bool, ErrorReport> {
    configuring::refuse_if_restricted("cache_unconfigure")?;
    let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
    let params = [namespace.as_str().param()];
    Ok(configuring::write_namespaces(|tables| UNCONFIGURE.write(tables, &params, |rows| rows.len() > 0))?)
}

fn check<T>(
    option: &'static str,
    range: &'static str,
    value: Option<T>,
    good: impl Fn(&T) -> bool,
) -> Result<(), CacheError> {
    if value.as_ref().is_none_or(good) { Ok(()) } else { Err(CacheError::Option { option, range }) }
}
