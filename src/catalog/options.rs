//! The options of a namespace.
//!
//! Owns the one table of them. From it follow the columns of `cache_namespaces`, which of their values count, and what
//! `cache_configure` takes, refuses and writes. `sql/tables.sql`, `sql/finish.sql` and the documents repeat the names:
//! `tests/server/tests/options.rs` fails where they differ. Must never know what an option does.

use crate::heap::shape::{columns, counts_from_one};
use crate::pg::{Regprocedure, Timestamp, clock};
use crate::statement::{self, FromColumn, IntoParam, Param, Statement};
use crate::{error::CacheError, heap::Row};
use cache_pg_rules::ttl::Ttl;
use pgrx::datum::Interval;
use pgrx::pg_sys::{Oid, TEXTOID};

/// Hands the table to a macro. Each row is a column of `cache_namespaces` after the first, in their order: its number,
/// its constant, its name and its type. Behind `=` stands the argument of `cache_configure` that sets it: its number,
/// its type, what it must be, in words, and the function below that decides this. A new option is a new last row.
macro_rules! namespace_options {
    ($then:ident) => {
        $then! {
            2 DEFAULT_TTL default_ttl: Interval = 2 Interval "1 millisecond or more" is_ttl;
            3 STALE_FOR stale_for: Interval = 3 Interval "from 0 to cache_pg.max_ttl, and finite" is_grace;
            4 JITTER jitter: f64 = 4 f64 "from 0 to 1" is_share;
            5 MAX_VALUE_SIZE max_value_size: i32 = 5 i32 "1 byte or more" is_positive;
            6 EARLY_REFRESH early_refresh: f64 = 6 f64 "from 0 to 100" is_beta;
            7 LOADER loader: String = 7 Regprocedure "a function" is_any;
            8 NOTIFY notify: bool = 8 bool "true or false" is_any;
            9 MAX_ENTRIES max_entries: i64 = 9 i64 "1 or more" is_positive;
            10 MAX_SIZE max_size: i64 = 10 i64 "1 byte or more" is_positive;
            11 LOADER_OWNER loader_owner: Oid;
            12 REFRESH_AHEAD refresh_ahead: Interval = 11 Interval "from 0 to cache_pg.max_ttl, and finite" is_grace;
            13 WARM warm: String = 12 String "a query" is_any;
        }
    };
}
pub(crate) use namespace_options;

fn is_ttl(length: &Interval, _longest: i64) -> bool {
    Ttl::parse(clock::length(*length), None).is_ok()
}

fn is_grace(length: &Interval, longest: i64) -> bool {
    (0..=longest).contains(&clock::length(*length)) && clock::after(Timestamp(0), *length) != Timestamp::FOREVER
}

fn is_share(share: &f64, _longest: i64) -> bool {
    (0.0..=1.0).contains(share)
}

fn is_beta(beta: &f64, _longest: i64) -> bool {
    (0.0..=100.0).contains(beta)
}

fn is_positive<T: Copy + Into<i64>>(number: &T, _longest: i64) -> bool {
    (*number).into() >= 1
}

fn is_any<T>(_value: &T, _longest: i64) -> bool {
    true
}

/// What `cache_configure` takes.
pub trait Argument {
    /// The parameter of [`CONFIGURE`].
    ///
    /// # Errors
    /// Where it may not be configured.
    fn stored(self) -> Result<Param, CacheError>;
}

macro_rules! stored_as_given {
    ($($kind:ident)*) => {
        $(
            impl Argument for $kind {
                fn stored(self) -> Result<Param, CacheError> {
                    Ok(self.param())
                }
            }
        )*
    };
}
stored_as_given! { Interval f64 i32 i64 bool }

impl Argument for String {
    /// A query, or nothing.
    fn stored(self) -> Result<Param, CacheError> {
        if !self.is_empty() {
            statement::check_query(&self)?;
        }
        Ok(self.param())
    }
}

/// The name of an option. Its argument is named so that a repetition over options passes over the other columns.
macro_rules! name {
    ($name:ident $argument:literal) => {
        stringify!($name)
    };
}

macro_rules! derive {
    ($($column:literal $constant:ident $name:ident: $kind:ident
       $(= $argument:literal $given:ident $range:literal $accepts:ident)?;)*) => {
        columns! {
            /// Columns of `cache_namespaces`.
            namespace_column: "cache_namespaces", false, [
                1 NAMESPACE namespace: String,
                $($column $constant $name: $kind),*
            ]
        }

        /// The options of a namespace as a row of `cache_namespaces` has them; None: not set.
        #[derive(Debug, Default)]
        pub struct Options {
            $($(
                #[doc = $range]
                pub $name: Option<$kind>,
            )?)*
        }

        impl Options {
            /// What a row says. A value that `cache_configure` refuses counts as not set.
            pub fn of(row: &Row) -> Self {
                Self { $($($name: row.get(namespace_column::$constant).filter(|it| $accepts(it, i64::MAX)),)?)* }
            }
        }

        /// The options that `cache_configure` is given; None: it stays as it is.
        pub struct Given {
            $($(
                #[doc = $range]
                pub $name: Option<$given>,
            )?)*
        }

        impl Given {
            /// Refuses an option out of its range; `longest` is the longest time to live, in microseconds.
            ///
            /// # Errors
            /// [`CacheError::Option`].
            pub fn check(&self, longest: i64) -> Result<(), CacheError> {
                $($(
                    if self.$name.as_ref().is_some_and(|it| !$accepts(it, longest)) {
                        return Err(CacheError::Option { option: stringify!($name), range: $range });
                    }
                )?)*
                Ok(())
            }

            /// The parameters of [`CONFIGURE`].
            ///
            /// # Errors
            /// Those of [`Argument::stored`].
            pub fn params(self, namespace: &str) -> Result<[Param; ARGUMENTS.len()], CacheError> {
                let mut params = [None; ARGUMENTS.len()];
                params[0] = namespace.param();
                $($(
                    if let Some(given) = self.$name {
                        params[$argument - 1] = given.stored()?;
                    }
                )?)*
                Ok(params)
            }
        }

        /// The arguments of `cache_configure`.
        const ARGUMENTS: &[usize] = &[1, $($($argument,)?)*];
        const _: () = assert!(counts_from_one(ARGUMENTS));

        const TYPES: [Oid; ARGUMENTS.len()] = {
            let mut types = [TEXTOID; ARGUMENTS.len()];
            $($(types[$argument - 1] = <$kind as FromColumn>::TYPES[0];)?)*
            types
        };

        /// Writes what is given, and leaves the other options as they are. A trigger writes down who owns the loader.
        pub static CONFIGURE: Statement = Statement {
            sql: concat!(
                "INSERT INTO @extschema@.cache_namespaces AS n (namespace",
                $($(", ", name!($name $argument),)?)*
                ") VALUES ($1",
                $($(", $", $argument,)?)*
                ") ON CONFLICT (namespace) DO UPDATE SET loader_owner = coalesce(excluded.loader_owner, n.loader_owner)",
                $($(
                    ", ", name!($name $argument),
                    " = coalesce(excluded.", name!($name $argument), ", n.", name!($name $argument), ")",
                )?)*
            ),
            types: &TYPES,
        };
    };
}
namespace_options!(derive);
