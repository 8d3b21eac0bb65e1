//! Functions that configure namespaces. They run with the owner's rights; EXECUTE is the owner's to grant.

use super::namespace;
use crate::catalog;
use crate::clock;
use crate::datum::Timestamp;
use crate::error::CacheError;
use crate::namespaces;
use crate::settings;
use crate::statement::{IntoParam, Statement, statement};
use pgrx::datum::Interval;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;

static CONFIGURE: Statement = statement!("configure.sql", [TEXTOID, INTERVALOID, INTERVALOID, FLOAT8OID, INT4OID]);
static UNCONFIGURE: Statement = statement!("unconfigure.sql", [TEXTOID]);

/// Creates or changes a namespace: only what is given changes.
#[pg_extern(volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn cache_configure(
    namespace: Option<&str>,
    default_ttl: default!(Option<Interval>, "NULL"),
    stale_for: default!(Option<Interval>, "NULL"),
    jitter: default!(Option<f64>, "NULL"),
    max_value_size: default!(Option<i32>, "NULL"),
) -> Result<(), ErrorReport> {
    let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
    if let Some(ttl) = default_ttl {
        namespaces::lifetime(ttl, clock::now())?;
    }
    let longest = settings::max_ttl().unwrap_or(i64::MAX - 1);
    check("stale_for", "from 0 to cache_pg.max_ttl, and finite", stale_for, |&it| {
        (0..=longest).contains(&clock::after(Timestamp(0), it).0)
    })?;
    check("jitter", "from 0 to 1", jitter, |it| (0.0..=1.0).contains(it))?;
    check("max_value_size", "1 byte or more", max_value_size, |&it| it >= 1)?;
    let home = catalog::installed()?;
    let params =
        [namespace.as_str().param(), default_ttl.param(), stale_for.param(), jitter.param(), max_value_size.param()];
    CONFIGURE.write(&home, &params, |_| ());
    Ok(())
}

/// Forgets a namespace's options: the settings rule again. Entries stay. Returns whether there were any.
#[pg_extern(volatile, parallel_unsafe, security_definer)]
#[search_path(pg_catalog, pg_temp)]
fn cache_unconfigure(namespace: Option<&str>) -> Result<bool, ErrorReport> {
    let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
    let home = catalog::installed()?;
    Ok(UNCONFIGURE.write(&home, &[namespace.as_str().param()], |rows| rows.len() > 0))
}

fn check<T>(
    option: &'static str,
    range: &'static str,
    value: Option<T>,
    good: impl Fn(&T) -> bool,
) -> Result<(), CacheError> {
    if value.as_ref().is_none_or(good) { Ok(()) } else { Err(CacheError::Option { option, range }) }
}
