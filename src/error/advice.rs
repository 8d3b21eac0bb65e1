//! What helps further: the DETAIL and the HINT of each error.
//!
//! Both are sentences. A DETAIL says what was wrong with what; a HINT says what to do, where there is something to do.

use super::CacheError;
use crate::store::MOST_TAGS;
use cache_pg_rules::ttl::TtlError;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

impl CacheError {
    pub(super) fn detail(&self) -> Option<String> {
        let sentence = match self {
            Self::Key(_, why) | Self::Tag(_, why) => format!("Not valid because {why}."),
            Self::Namespace(_, why) => format!("Not valid because {why}."),
            Self::Template(_, why) => format!("Not valid because {why}."),
            Self::NoColumn { .. } | Self::WatchedColumn { .. } => "A template of cache_watch names it.".into(),
            Self::VirtualColumn { .. } => "Triggers do not get its value.".into(),
            Self::UntrustedCast { .. } => {
                "A trigger would run it with the rights of whoever changes a row of the table.".into()
            }
            Self::UnsteadyText { .. } => {
                "A cast or an output function of its type, or of a type in it, is not IMMUTABLE.".into()
            }
            Self::Unwatchable(_) => "Only ordinary and partitioned tables can be watched, none of the system, of \
                                     cache_pg, or temporary."
                .into(),
            Self::ForeignTable(_) => "It is below a watched table, and changes of its rows cannot be seen.".into(),
            Self::ValueTooLarge { limit, key, .. } => format!("The limit for key \"{key}\" is {limit} bytes."),
            Self::TooManyTags(_) => format!("An entry carries {MOST_TAGS} at most."),
            Self::Ttl(_, TtlError::TooShort) => "It is shorter than one millisecond.".into(),
            Self::Ttl(_, TtlError::TooLong { limit }) => {
                format!("The limit is {} seconds, the setting \"cache_pg.max_ttl\".", limit / 1_000_000)
            }
            Self::Option { range, .. } => format!("It must be {range}."),
            Self::KeyDenied(_) => {
                "Row security keeps the role from storing it, and a loader runs with the rights of its owner.".into()
            }
            Self::TagDenied { role, .. } => {
                format!("Row security on cache_entries applies to role {role}, and tags reach entries of everybody.")
            }
            Self::Loading(error) => return error.detail(),
            Self::Type { found, wanted } => {
                format!("A column is of type {}, not {}.", Self::type_name(*found), Self::type_name(*wanted))
            }
            Self::Reshaped { how, .. } => how.clone(),
            Self::Token(why) => format!("Not valid because {why}."),
            _ => return None,
        };
        Some(sentence)
    }

    pub(super) fn hint(&self) -> Option<String> {
        let sentence = match self {
            Self::NullKey | Self::NullTag | Self::Key(..) | Self::Tag(..) => {
                "Keys and tags are 1 to 512 bytes of UTF-8, without control characters and without white space at \
                 either end."
                    .into()
            }
            Self::NullNamespace | Self::Namespace(..) => {
                "A namespace is what stands before the first \":\" of a key.".into()
            }
            Self::NullValue => "Store a JSON null ('null'::jsonb) to remember that there is nothing.".into(),
            Self::ValueTooLarge { .. } => {
                "Store less, or raise \"cache_pg.max_value_size\" or the namespace's max_value_size.".into()
            }
            Self::TooManyTags(_) => "Invalidate what belongs together by one tag.".into(),
            Self::Ttl(_, TtlError::TooShort) => "A number without a unit is in seconds.".into(),
            Self::Ttl(_, TtlError::TooLong { .. }) => "Raise the setting, or set it to 0 for no limit.".into(),
            Self::DeadlineRequired => "Set \"cache_pg.max_ttl\" to 0 to allow entries without one.".into(),
            Self::NotAnInteger(_) => "Replace it with cache_set, or count under another key.".into(),
            Self::Persistence(_) => "It is either \"logged\" or \"unlogged\".".into(),
            Self::Token(_) => "Pass the token that cache_fetch gave for this key, as it is.".into(),
            Self::NoLoader(_) => "Give a query, or a loader: SELECT cache_configure(..., loader => ...).".into(),
            Self::NotLoaderOwner(_) => "A loader runs with the rights of its owner.".into(),
            Self::NotALoader(_) => "A loader takes the key as text and returns jsonb.".into(),
            Self::Loading(error) => return error.hint(),
            Self::Loader(_) => "Configure another loader, or create the function again.".into(),
            Self::NotAnObject => "For example: '{\"tenant:1\": {\"name\": \"Burger Palace\"}}'.".into(),
            Self::Denied { privileges, table, role } => format!("GRANT {privileges} ON {table} TO {role};"),
            Self::KeyDenied(_) => "Give a query: that runs with the rights of the caller.".into(),
            Self::TagDenied { verb, table, role, .. } => verb.hint(table, role),
            Self::Encoding => "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0 makes one.".into(),
            Self::Reshaped { table: "cache_entries", .. } => {
                "Alter it back, or DROP EXTENSION cache_pg CASCADE and create it again. More columns may stand behind those \
                 of CREATE EXTENSION, if they take NULL or have a default."
                    .into()
            }
            Self::Reshaped { .. } => "Alter it back, or DROP EXTENSION cache_pg CASCADE and create it again.".into(),
            Self::Altered(_) | Self::Type { .. } => {
                "It must be a heap, and have the columns and the index that CREATE EXTENSION made; none of its indexes may be \
                 on an expression or have a condition."
                    .into()
            }
            Self::NotPreloaded => "Add cache_pg to shared_preload_libraries in postgresql.conf and restart.".into(),
            Self::NotInstalled => "Run CREATE EXTENSION cache_pg.".into(),
            Self::NullTemplate | Self::Template(..) | Self::NoTemplate => {
                "For example: 'tenant:{slug}'. A name in braces is a column; {{ and }} are braces.".into()
            }
            Self::NoColumn { .. } => "Call cache_watch with the name that the column has.".into(),
            Self::WatchedColumn { .. } => {
                "Call cache_unwatch before it, and cache_watch with other templates after it, in one transaction."
                    .into()
            }
            Self::VirtualColumn { .. } => "Name the columns that it is made of, or make it STORED.".into(),
            Self::UntrustedCast { .. } => {
                "Name a column of a built-in type, or of a type and with a cast that belong to a superuser.".into()
            }
            Self::UnsteadyText { .. } => {
                "Name a column of another type, or declare the function IMMUTABLE if it depends on the value alone.".into()
            }
            Self::WatchedAbove { above, .. } => format!("Call cache_watch or cache_unwatch for \"{above}\"."),
            Self::WatchedBelow(table) => format!("Call cache_unwatch for \"{table}\" before."),
            Self::StrangeTrigger => "Call cache_watch instead of CREATE TRIGGER.".into(),
            Self::NotPositive(..)
            | Self::Option { .. }
            | Self::NullTable
            | Self::Unwatchable(_)
            | Self::ForeignTable(_)
            | Self::NotOwner(_)
            | Self::Restricted(_)
            | Self::Prepare
            | Self::CounterOverflow
            | Self::Serialization => return None,
        };
        Some(sentence)
    }
}

impl CacheError {
    /// The name of a type, as messages of PostgreSQL have it.
    pub fn type_name(kind: Oid) -> String {
        // SAFETY: a look-up in the system caches; the text is allocated in the current memory context.
        unsafe { CStr::from_ptr(pg_sys::format_type_be(kind)) }.to_string_lossy().into_owned()
    }
}
