//! The DETAIL and the HINT of each error.
//!
//! Owns what was wrong with which value, and what the user can do about it, in full sentences, a HINT as an imperative;
//! None where there is nothing to say or to do. Must never know another module: the values are parts of the error.

use super::{cache_error::CacheError, wording::sentence};
use cache_pg_rules::release::{Standing, standing};
use cache_pg_rules::ttl::TtlError;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

impl CacheError {
    pub(super) fn detail(&self) -> Option<String> {
        let detail = match self {
            Self::Key(_, why) | Self::Tag(_, why) => sentence(why),
            Self::Namespace(_, why) => sentence(why),
            Self::Template(_, why) => sentence(why),
            Self::Token(why) => sentence(why),
            Self::NoColumn { .. } | Self::WatchedColumn { .. } => "A template of cache_watch names the column.".into(),
            Self::VirtualColumn { .. } => "Triggers do not receive the value of a virtual generated column.".into(),
            Self::UntrustedCast { .. } => {
                "A trigger would run the cast with the privileges of every role that changes the table.".into()
            }
            Self::SessionDependentText { .. } => {
                "A cast or an output function of its type, or of a type inside it, is not IMMUTABLE.".into()
            }
            Self::Unwatchable(_) => {
                "Only ordinary and partitioned tables can be watched. Temporary tables, system tables \
                                     and the tables of cache_pg cannot."
                    .into()
            }
            Self::ForeignTable(_) => {
                "It is a partition or child of a watched table, and triggers do not see all changes of its rows.".into()
            }
            Self::ValueTooLarge { limit, key, .. } => format!("The limit for key \"{key}\" is {limit} bytes."),
            Self::TooManyTags { limit, .. } => format!("An entry can have at most {limit} tags."),
            Self::Ttl(_, TtlError::TooShort) | Self::Deadline(_, TtlError::TooShort) => {
                "The shortest ttl is one millisecond.".into()
            }
            Self::Ttl(_, TtlError::TooLong { limit }) | Self::Deadline(_, TtlError::TooLong { limit }) => {
                format!("The setting \"cache_pg.max_ttl\" limits it to {} seconds.", limit / 1_000_000)
            }
            Self::HoldsBytes(_) => "It was stored as bytes.".into(),
            Self::Option { range, .. } => format!("It must be {range}."),
            Self::NotLoaderOwner(_) => "A loader runs with the privileges of its owner.".into(),
            Self::KeyDenied(_) => "Row security does not let the role store the value, and a loader runs with the \
                                   privileges of its owner."
                .into(),
            Self::TagDenied { role, .. } => format!(
                "Row security on cache_entries applies to role {role}, and a tag can belong to entries of other roles."
            ),
            Self::Loading(error) => return error.detail(),
            Self::Type { found, wanted } => {
                format!("A column has type {} instead of {}.", Self::type_name(*found), Self::type_name(*wanted))
            }
            Self::Reshaped { how, .. } => how.clone(),
            _ => return None,
        };
        Some(detail)
    }

    /// The name of a type, as messages of PostgreSQL have it.
    pub fn type_name(kind: Oid) -> String {
        // SAFETY: a look-up in the system caches; the text is allocated in the current memory context.
        unsafe { CStr::from_ptr(pg_sys::format_type_be(kind)) }.to_string_lossy().into_owned()
    }

    pub(super) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NullKey | Self::NullTag | Self::Key(..) | Self::Tag(..) => {
                "Use 1 to 512 bytes of UTF-8, without control characters and without white space at either end.".into()
            }
            Self::NullNamespace | Self::Namespace(..) => {
                "Pass the part of the keys before the first \":\", without the \":\".".into()
            }
            Self::NullValue => "Store a JSON null ('null'::jsonb), or empty bytes, to cache that there is no value.".into(),
            Self::ValueTooLarge { .. } => {
                "Store a smaller value, or raise \"cache_pg.max_value_size\" or max_value_size of the namespace.".into()
            }
            Self::TooManyTags { .. } => "Use one tag for entries that are invalidated together.".into(),
            Self::Ttl(_, TtlError::TooShort) | Self::Deadline(_, TtlError::TooShort) => "Pass a longer time. A number without a unit means seconds.".into(),
            Self::Ttl(_, TtlError::TooLong { .. }) | Self::Deadline(_, TtlError::TooLong { .. }) => "Raise the setting, or set it to 0 for no limit.".into(),
            Self::DeadlineRequired => "Set \"cache_pg.max_ttl\" to 0 to allow entries without a deadline.".into(),
            Self::TwoDeadlines => "Pass NULL for one of them.".into(),
            Self::HoldsBytes(_) => "Read it with a function whose name ends in _bytes, such as cache_get_bytes.".into(),
            Self::NotALock(_) => "Use a key for the lock that no other entry has.".into(),
            Self::NullOwner => "Pass a text that no other owner passes, such as a UUID.".into(),
            Self::Lengths { what: "ttls", .. } => "Pass one ttl for each key, or an array of one for all.".into(),
            Self::Lengths { .. } => "Pass one value for each key.".into(),
            Self::NotAnInteger(_) => "Replace the value with cache_set, or use another key.".into(),
            Self::Persistence(_) => "Use \"logged\" or \"unlogged\".".into(),
            Self::Token(_) => "Pass the token that cache_fetch returned for this key, unchanged.".into(),
            Self::NoLoader(_) => {
                "Configure one: SELECT cache_configure(..., loader => ...). To cache_get_or_set you can pass a query instead."
                    .into()
            }
            Self::NotALoader(_) => "Use a function that takes the key as text and returns jsonb.".into(),
            Self::Loading(error) => return error.hint(),
            Self::Loader(_) => "Create the function again, or configure another loader.".into(),
            Self::NotAnObject => {
                "Pass an object, for example '{\"tenant:1\": {\"name\": \"Burger Palace\"}}'.".into()
            }
            Self::Denied { privileges, table, role } => format!("Run GRANT {privileges} ON {table} TO {role};"),
            Self::KeyDenied(_) => "Pass a query. It runs with the privileges of the caller.".into(),
            Self::TagDenied { verb, table, role, .. } => verb.hint(table, role),
            Self::Encoding => "Create one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0.".into(),
            Self::Reshaped { table: "cache_entries", .. } => {
                "Undo the change, or run DROP EXTENSION cache_pg CASCADE and CREATE EXTENSION cache_pg. Added columns \
                 are allowed if they accept NULL or have a default."
                    .into()
            }
            Self::Reshaped { .. } => {
                "Undo the change, or run DROP EXTENSION cache_pg CASCADE and CREATE EXTENSION cache_pg.".into()
            }
            Self::Altered(_) | Self::Type { .. } => {
                "Undo the change. The table must be a heap with the columns and the index of CREATE EXTENSION, without partial \
                 indexes and indexes on expressions."
                    .into()
            }
            Self::NotPreloaded => "Add cache_pg to shared_preload_libraries in postgresql.conf and restart.".into(),
            Self::Version { schema, library } if standing(schema, library) == Standing::Newer => format!(
                "Restart the server if version {schema} of the package is installed, because this process still has the \
                 old library. Otherwise install it first."
            ),
            Self::Version { .. } => "Undo the change of the version in pg_extension.".into(),
            Self::NotInstalled => "Run CREATE EXTENSION cache_pg.".into(),
            Self::NullTemplate | Self::Template(..) | Self::NoTemplate => {
                "Pass a template such as 'tenant:{slug}'. A name in braces is a column; write {{ and }} for braces."
                    .into()
            }
            Self::NoColumn { .. } => "Call cache_watch with the current name of the column.".into(),
            Self::WatchedColumn { .. } => {
                "Call cache_unwatch before the change, and cache_watch with other templates after it, in one \
                 transaction."
                    .into()
            }
            Self::VirtualColumn { .. } => {
                "Name the columns that the value is computed from, or make the column STORED.".into()
            }
            Self::UntrustedCast { .. } => {
                "Name a column of a built-in type, or of a type that belongs to a superuser and has a cast function of \
                 a superuser."
                    .into()
            }
            Self::SessionDependentText { .. } => "Name a column of another type, or declare the function IMMUTABLE if its \
                                          result depends on the value alone."
                .into(),
            Self::WatchedAbove { above, .. } => format!("Call cache_watch or cache_unwatch for \"{above}\"."),
            Self::WatchedBelow(table) => format!("Call cache_unwatch for \"{table}\" first."),
            Self::NotAWatchTrigger => "Call cache_watch instead of CREATE TRIGGER.".into(),
            Self::NotLoaderOwner(_)
            | Self::NotPositive(..)
            | Self::Option { .. }
            | Self::NullTable
            | Self::Unwatchable(_)
            | Self::ForeignTable(_)
            | Self::NotOwner(_)
            | Self::Restricted(_)
            | Self::NotOwnTrigger
            | Self::Prepare
            | Self::CounterOverflow
            | Self::Serialization => return None,
        };
        Some(hint)
    }
}
