//! The checks of what the cache holds, and of the tables that it depends on.
//!
//! Owns the checks of namespaces, values, foreign keys and watched tables. Must never judge how fast the cache is.

use super::check::{Check, Status, check, none_of, percent, unknown};
use super::readings::{Readings, Thresholds};
use super::units::bytes;
use crate::quote::literal;

pub(super) fn namespaces(now: &Readings) -> Check {
    let status = if now.uncounted > 0 { Status::Warning } else { Status::Ok };
    let advice = "There are more namespaces than cache_pg.track_namespaces, and the rest are counted together. Raise the \
                  setting and restart. Or use fewer namespaces: the part of a key before the first \":\" should name a \
                  kind of thing, not one thing.";
    let value = format!("{} operations not counted by namespace", now.uncounted);
    check("namespaces", status, value, "all counted".into(), advice)
}

pub(super) fn entry_size(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", bytes(limit.entry_size));
    let Some((namespace, size)) = &now.largest else { return unknown("entry_size", threshold) };
    let status = if *size > limit.entry_size { Status::Warning } else { Status::Ok };
    let advice = format!(
        "Every read of this entry of namespace \"{namespace}\" returns all of it. Split the value, or reject such values: \
         SELECT cache_configure({}, max_value_size => {})",
        literal(namespace),
        limit.entry_size
    );
    check("entry_size", status, format!("{} in \"{namespace}\"", bytes(*size)), threshold, advice)
}

pub(super) fn unread(now: &Readings, limit: &Thresholds) -> Check {
    let threshold = format!("at most {}", percent(limit.unread_share));
    let Some((namespace, share)) = &now.unread else { return unknown("unread", threshold) };
    let status = if *share > limit.unread_share { Status::Warning } else { Status::Ok };
    let advice = format!(
        "Most values of namespace \"{namespace}\" are written but never read. Give them a longer ttl, or do not cache them."
    );
    check("unread", status, format!("{} in \"{namespace}\"", percent(*share)), threshold, advice)
}

pub(super) fn foreign_keys(now: &Readings) -> Check {
    let status = if now.references.is_empty() { Status::Ok } else { Status::Warning };
    let value = if now.references.is_empty() { "none".into() } else { now.references.join(", ") };
    let advice = "The sweeper keeps entries that a foreign key refers to, even if they have expired or exceed the limit. If \
                  the referring table is larger than 8 MB and has no index on the column, the sweeper keeps all entries. \
                  Drop the foreign key.";
    check("foreign_keys", status, value, "none".into(), advice)
}

pub(super) fn missing_columns(now: &Readings) -> Check {
    let advice = "Templates of cache_watch name columns that do not exist, or that cannot be cast to text safely. Each change \
                  of such a table clears whole namespaces or the whole cache. Call cache_watch again with columns that the \
                  table has.";
    none_of("missing_columns", &now.missing_columns, advice)
}

pub(super) fn unwatched_tables(now: &Readings) -> Check {
    let advice = "Some changes of these tables are not seen, because a trigger of cache_watch is missing, is disabled, or \
                  does not fire for every session_replication_role (for example after ENABLE TRIGGER ALL). Call cache_watch again for the table that \
                  cache_watches shows, and then cache_clear.";
    none_of("unwatched_tables", &now.unwatched_tables, advice)
}
