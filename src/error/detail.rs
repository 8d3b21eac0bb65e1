//! The DETAIL of each error.
//!
//! Owns what was wrong with which value, in full sentences. Must never know another module: the values are parts of the
//! error.

use super::{cache_error::CacheError, wording::sentence};
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
            Self::Unwatchable(_) => "Only ordinary and partitioned tables can be watched, but no temporary tables, no \
                                     system tables and no tables of cache_pg."
                .into(),
            Self::ForeignTable(_) => {
                "It is below a watched table, and triggers do not see all changes of its rows.".into()
            }
            Self::ValueTooLarge { limit, key, .. } => format!("The limit for key \"{key}\" is {limit} bytes."),
            Self::TooManyTags { limit, .. } => format!("An entry can have at most {limit} tags."),
            Self::Ttl(_, TtlError::TooShort) => "The shortest ttl is one millisecond.".into(),
            Self::Ttl(_, TtlError::TooLong { limit }) => {
                format!("The setting \"cache_pg.max_ttl\" limits it to {} seconds.", limit / 1_000_000)
            }
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
}
