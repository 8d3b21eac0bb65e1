//! Functions that configure the cache: its namespaces, and whether its tables are logged. The owner may grant EXECUTE
//! on them.
//!
//! Owns their signatures. Must never configure anything in a security-restricted operation, nor store a loader whose
//! owner has rights that the caller lacks.

use super::answer::answer_with_warning;
use super::arguments::namespace;
use crate::catalog::options::{Argument, CONFIGURE, Given, namespace_options};
use crate::error::{CacheError, ErrorReport};
use crate::pg::{Regprocedure, clock};
use crate::statement::{IntoParam, Param, Statement, statement};
use crate::{ahead, catalog, configuring, loader, namespaces, persistence, settings};
use cache_pg_rules::namespace::Namespace;
use pgrx::datum::Interval;
use pgrx::prelude::*;
use std::convert::identity;

static UNCONFIGURE: Statement = statement!("unconfigure.sql", [TEXTOID]);

macro_rules! cache_configure {
    ($($column:literal $constant:ident $name:ident: $kind:ident
       $(= $argument:literal $given:ident $range:literal $accepts:ident)?;)*) => {
        /// Creates or changes a namespace: only what is given changes.
        #[pg_extern(volatile, parallel_unsafe)]
        #[allow(clippy::too_many_arguments, reason = "one for each option, each given by name")]
        fn cache_configure(
            namespace: Option<&str>,
            $($($name: default!(Option<$given>, "NULL"),)?)*
        ) -> Result<(), ErrorReport> {
            answer_with_warning(|| {
                configuring::refuse_if_restricted("cache_configure")?;
                let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
                configure(namespace, Given { $($($name: identity::<Option<$given>>($name),)?)* })
            })
        }
    };
}
namespace_options!(cache_configure);

fn configure(namespace: Namespace, given: Given) -> Result<(), CacheError> {
    // Says more of a time to live than that it is out of range.
    if let Some(ttl) = given.default_ttl {
        namespaces::lifetime(ttl, clock::now())?;
    }
    given.check(settings::max_ttl().unwrap_or(i64::MAX - 1))?;
    let params = given.params(namespace.as_str())?;
    configuring::write_namespaces(|tables| CONFIGURE.write(tables, &params, |_| ()))?;
    ahead::record_configured(namespace);
    Ok(())
}

impl Argument for Regprocedure {
    fn stored(self) -> Result<Param, CacheError> {
        Ok(loader::check(self.oid())?.signature.param())
    }
}

/// Forgets a namespace's options: the settings rule again. Entries stay. Returns whether there were any.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_unconfigure(namespace: Option<&str>) -> Result<bool, ErrorReport> {
    answer_with_warning(|| {
        configuring::refuse_if_restricted("cache_unconfigure")?;
        let namespace = self::namespace(namespace.ok_or(CacheError::NullNamespace)?)?;
        let params = [namespace.as_str().param()];
        let had_any =
            configuring::write_namespaces(|tables| UNCONFIGURE.write(tables, &params, |rows| rows.len() > 0))?;
        ahead::forget_failures(namespace);
        Ok(had_any)
    })
}

/// Makes all tables of the cache logged or unlogged, in one transaction; returns which they are. Without a mode it
/// changes nothing. It rewrites the tables under an ACCESS EXCLUSIVE lock.
#[pg_extern(volatile, parallel_unsafe)]
fn cache_persistence(mode: default!(Option<&str>, "NULL")) -> Result<Option<String>, ErrorReport> {
    answer_with_warning(|| {
        let tables = catalog::installed()?;
        if let Some(mode) = mode {
            configuring::refuse_if_restricted("cache_persistence")?;
            persistence::change(&tables, mode.parse()?)?;
        }
        Ok(Some(persistence::current().name().into()))
    })
}
