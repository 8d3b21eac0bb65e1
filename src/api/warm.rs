//! Warming: putting keys in line, and waiting until they are loaded.
//!
//! Owns the signatures of `cache_warm` and `cache_warm_wait`. Must never load a key: [`warm_wait`] does that, where
//! there are no workers.

use super::answer::answer_with_warning;
use super::arguments::namespace;
use super::warm_wait::{self, Waiting};
use crate::ahead;
use crate::error::{CacheError, ErrorReport, LoadError};
use crate::pg::procedure::Procedure;
use crate::pg::{clock, under_transaction};
use crate::statement::Listed;
use crate::store::{self, Wanted};
use crate::{loader, namespaces};
use pgrx::datum::Interval;
use pgrx::fcinfo::pg_getarg;
use pgrx::pg_sys;
use pgrx::prelude::*;
use std::time::Duration;

/// Puts keys of a namespace in line, so that workers load them; returns how many. The keys are given, or a query of the
/// caller lists them, or that in the option `warm` of the namespace does.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_warm(
    namespace: Option<&str>,
    keys: default!(Option<Vec<Option<String>>>, "NULL"),
    query: default!(Option<&str>, "NULL"),
) -> Result<i64, ErrorReport> {
    answer_with_warning(|| {
        let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
        let access = warm_wait::check_access()?;
        let options = namespaces::named(&access.tables, namespace);
        let name = || namespace.as_str().to_owned();
        let loader = options.loader.as_ref().ok_or_else(|| CacheError::NoLoader(name()))?;
        let keys = match (keys, query) {
            (Some(_), Some(_)) => return Err(LoadError::KeysAndQuery.into()),
            (Some(keys), None) => keys.into_iter().map(|key| Listed { key, tags: None }).collect(),
            (None, Some(query)) => loader::list(query)?,
            (None, None) => loader::listed(loader, options.warm().ok_or_else(|| LoadError::NothingToWarm(name()))?)?,
        };
        let wanted = Wanted::of(&access, namespace, keys)?;
        ahead::forget_failures(namespace);
        Ok(store::put_in_line(&access, namespace, &wanted, 0..wanted.len())?.put as i64)
    })
}

/// The procedure that waits until no key of a namespace, or of any, is in line. Without workers it loads them itself.
#[pg_extern(sql = false)]
fn cache_warm_wait(call: pg_sys::FunctionCallInfo) -> Result<(), ErrorReport> {
    // SAFETY: the call of a procedure with a text and an interval.
    let (procedure, namespace, timeout) = unsafe {
        let namespace: Option<&str> = pg_getarg(call, 0);
        (Procedure::begin(call), namespace.map(str::to_owned), pg_getarg::<Interval>(call, 1))
    };
    let procedure = procedure.ok_or(LoadError::InTransaction).map_err(CacheError::from)?;
    let namespace = namespace.as_deref().map(self::namespace).transpose()?;
    let timeout = timeout.map(|timeout| Duration::from_micros(clock::length(timeout).max(0) as u64));
    if let Some(namespace) = namespace {
        let has_loader = || Ok(namespaces::named(&warm_wait::check_access()?.tables, namespace).loader.is_some());
        if !under_transaction(has_loader).map_err(|error: CacheError| error)? {
            return Err(CacheError::NoLoader(namespace.as_str().into()).into());
        }
    }
    Ok(Waiting::new(&procedure, namespace, timeout).run()?)
}
