//! The columns that templates name, as text.
//!
//! Owns the look-up of these columns, and the settings under which values become text. The settings are the same in
//! every session, so that a key does not depend on the session that writes. Must never find a column by anything but
//! its current name.

use super::cast::{Cast, UnusableType};
use super::{rows::ChangedRow, templates::Watch};
use crate::error::CacheError;
use crate::pg::{LocalSettings, SAFE_PATH};
use cache_pg_rules::template::Template;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

/// The settings that the text of some types depends on: object names, dates, times, intervals, floats, bytes, money.
const SETTINGS: [(&CStr, &str); 8] = [
    SAFE_PATH,
    (c"quote_all_identifiers", "off"),
    (c"DateStyle", "ISO, MDY"),
    (c"TimeZone", "UTC"),
    (c"IntervalStyle", "postgres"),
    (c"extra_float_digits", "1"),
    (c"bytea_output", "hex"),
    (c"lc_monetary", "C"),
];

/// Types whose text is the same under any settings.
const FIXED: [Oid; 10] = {
    use pg_sys::*;
    [TEXTOID, VARCHAROID, BPCHAROID, NAMEOID, INT2OID, INT4OID, INT8OID, NUMERICOID, BOOLOID, UUIDOID]
};

struct TextColumn {
    name: String,
    number: i16,
    cast: Cast,
}

/// Why the text of a column that a template names is unknown.
#[derive(Debug, Clone, Copy)]
enum UnknownColumn {
    Missing,
    Virtual,
    UnusableType(UnusableType),
}

/// What the columns that templates name must have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Requirement {
    /// They must exist.
    Exists,
    /// They must exist, and have a text that a key may contain.
    Text,
}

/// The columns that the templates of a table name, without duplicates.
pub struct Columns {
    columns: Vec<TextColumn>,
    unknown: Vec<(String, UnknownColumn)>,
    /// Whether the text of a column depends on settings.
    dependent: bool,
}

/// The texts of a row's columns; None: NULL.
pub type RowTexts = Vec<Option<String>>;

impl Columns {
    /// Finds the columns in `relation`.
    ///
    /// # Safety
    /// `relation` is open.
    pub unsafe fn find(relation: pg_sys::Relation, watch: &Watch) -> Self {
        let mut found = Self { columns: Vec::new(), unknown: Vec::new(), dependent: false };
        for name in watch.templates().flat_map(|template| template.columns()) {
            if found.columns.iter().any(|column| column.name == name) || found.is_unknown(name) {
                continue;
            }
            // SAFETY: as the caller promises.
            match unsafe { attribute(relation, name) }.ok_or(UnknownColumn::Missing).and_then(cast) {
                Ok((number, base, cast)) => {
                    found.dependent |= !FIXED.contains(&base);
                    found.columns.push(TextColumn { name: name.into(), number, cast });
                }
                Err(why) => found.unknown.push((name.into(), why)),
            }
        }
        found
    }

    /// Refuses templates that name a column which does not meet the requirement.
    ///
    /// # Errors
    /// [`CacheError::NoColumn`], [`CacheError::VirtualColumn`], [`CacheError::UntrustedCast`],
    /// [`CacheError::SessionDependentText`].
    ///
    /// # Safety
    /// `relation` is open, and is the one that was searched.
    pub unsafe fn check(&self, relation: pg_sys::Relation, required: Requirement) -> Result<(), CacheError> {
        let is_reason =
            |why: &UnknownColumn| required == Requirement::Text || !matches!(why, UnknownColumn::UnusableType(_));
        let reason = self.unknown.iter().find(|(_, why)| is_reason(why));
        let Some((column, why)) = reason.cloned() else { return Ok(()) };
        // SAFETY: as the caller promises.
        let table = unsafe { table_name(relation) };
        Err(match why {
            UnknownColumn::Missing => CacheError::NoColumn { column, table },
            UnknownColumn::Virtual => CacheError::VirtualColumn { column, table },
            UnknownColumn::UnusableType(UnusableType::UntrustedCast) => CacheError::UntrustedCast { column, table },
            UnknownColumn::UnusableType(UnusableType::SessionDependent) => {
                CacheError::SessionDependentText { column, table }
            }
        })
    }

    /// Whether the text of every column that the template names is known.
    pub fn are_known_for(&self, template: &Template) -> bool {
        !template.columns().any(|name| self.is_unknown(name))
    }

    fn is_unknown(&self, name: &str) -> bool {
        self.unknown.iter().any(|(it, _)| it == name)
    }

    /// Runs `work` under settings with which a value has the same text in every session.
    pub fn under_fixed_settings<R>(&self, work: impl FnOnce() -> R) -> R {
        if !self.dependent {
            return work();
        }
        let _settings = LocalSettings::new(&SETTINGS);
        work()
    }

    /// Reads a row into `texts`, in the same order for every row. Allocates in the current memory context.
    pub fn read(&self, row: ChangedRow, texts: &mut RowTexts) {
        texts.clear();
        texts.extend(self.columns.iter().map(|column| {
            // SAFETY: the value is one of the column that the cast was found for.
            row.get(column.number).and_then(|it| unsafe { column.cast.text(it) })
        }));
    }

    /// The text of a column among `texts`; None: NULL.
    pub fn text<'t>(&self, texts: &'t RowTexts, name: &str) -> Option<&'t str> {
        let at = self.columns.iter().position(|column| column.name == name)?;
        texts.get(at)?.as_deref()
    }
}

/// The number of a column, its type (of a domain, the base type), and how its values become text.
fn cast(attribute: pg_sys::FormData_pg_attribute) -> Result<(i16, Oid, Cast), UnknownColumn> {
    if attribute.attgenerated as u8 == b'v' {
        return Err(UnknownColumn::Virtual);
    }
    // SAFETY: a look-up in the system caches.
    let base = unsafe { pg_sys::getBaseType(attribute.atttypid) };
    Ok((attribute.attnum, base, Cast::of(base).map_err(UnknownColumn::UnusableType)?))
}

/// # Safety
/// `relation` is open.
unsafe fn attribute(relation: pg_sys::Relation, name: &str) -> Option<pg_sys::FormData_pg_attribute> {
    // SAFETY: as the caller promises; the descriptor has as many attributes as it says.
    let descriptor = unsafe { pgrx::PgTupleDesc::from_pg_unchecked((*relation).rd_att) };
    descriptor.iter().find(|attribute| !attribute.attisdropped && attribute.name() == name).copied()
}

/// # Safety
/// `relation` is open.
unsafe fn table_name(relation: pg_sys::Relation) -> String {
    // SAFETY: as the caller promises.
    pgrx::name_data_to_str(unsafe { &(*(*relation).rd_rel).relname }).to_owned()
}
