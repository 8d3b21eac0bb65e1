//! The columns that templates name, as text.
//!
//! Owns which columns there are, and the settings under which values become text: the same in every session, because a
//! key that depended on who writes would miss. Must never look a column up by anything but its present name.

use super::cast::{Cast, Unfit};
use super::rows::Row;
use super::templates::Watch;
use crate::error::CacheError;
use crate::pg::local_settings::{LocalSettings, SAFE_PATH};
use cache_pg_rules::template::Template;
use pgrx::pg_sys::{self, Oid};
use std::ffi::CStr;

/// What the text of some types depends on: names of tables and the like, dates, times, intervals, floats, bytes, money.
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
const FIXED: [Oid; 10] = [
    pg_sys::TEXTOID,
    pg_sys::VARCHAROID,
    pg_sys::BPCHAROID,
    pg_sys::NAMEOID,
    pg_sys::INT2OID,
    pg_sys::INT4OID,
    pg_sys::INT8OID,
    pg_sys::NUMERICOID,
    pg_sys::BOOLOID,
    pg_sys::UUIDOID,
];

struct Column {
    name: String,
    number: i16,
    cast: Cast,
}

/// Why nobody can say what a row has in a column that a template names.
#[derive(Debug, Clone, Copy)]
enum Unknown {
    Missing,
    Virtual,
    Unfit(Unfit),
}

/// What is asked of the columns that templates name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// That they are there.
    Columns,
    /// That they are there, and become text by what may run here.
    Texts,
}

/// The columns that the templates of a table name, each once.
pub struct Columns {
    columns: Vec<Column>,
    unknown: Vec<(String, Unknown)>,
    /// Whether the text of one of them depends on settings.
    dependent: bool,
}

/// A row's values; None: NULL.
pub type Values = Vec<Option<String>>;

impl Columns {
    /// Finds them in `relation`.
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
            match unsafe { attribute(relation, name) }.ok_or(Unknown::Missing).and_then(cast) {
                Ok((number, base, cast)) => {
                    found.dependent |= !FIXED.contains(&base);
                    found.columns.push(Column { name: name.into(), number, cast });
                }
                Err(why) => found.unknown.push((name.into(), why)),
            }
        }
        found
    }

    /// Refuses templates that name a column that `relation` has not, or of which it has no text where that is wanted.
    ///
    /// # Errors
    /// [`CacheError::NoColumn`], [`CacheError::VirtualColumn`], [`CacheError::UntrustedCast`],
    /// [`CacheError::SessionDependentText`].
    ///
    /// # Safety
    /// `relation` is open, and the one that they were looked for in.
    pub unsafe fn check(&self, relation: pg_sys::Relation, wanted: Wanted) -> Result<(), CacheError> {
        let is_reason = |why: &Unknown| wanted == Wanted::Texts || !matches!(why, Unknown::Unfit(_));
        let reason = self.unknown.iter().find(|(_, why)| is_reason(why));
        let Some((column, why)) = reason.cloned() else { return Ok(()) };
        // SAFETY: as the caller promises.
        let table = unsafe { table_name(relation) };
        Err(match why {
            Unknown::Missing => CacheError::NoColumn { column, table },
            Unknown::Virtual => CacheError::VirtualColumn { column, table },
            Unknown::Unfit(Unfit::Untrusted) => CacheError::UntrustedCast { column, table },
            Unknown::Unfit(Unfit::Unsteady) => CacheError::SessionDependentText { column, table },
        })
    }

    /// Whether they say what a row makes of the template.
    pub fn suffice(&self, template: &Template) -> bool {
        !template.columns().any(|name| self.is_unknown(name))
    }

    fn is_unknown(&self, name: &str) -> bool {
        self.unknown.iter().any(|(it, _)| it == name)
    }

    /// Runs `work` under settings that make a value's text the same in every session.
    pub fn under_fixed_settings<R>(&self, work: impl FnOnce() -> R) -> R {
        if !self.dependent {
            return work();
        }
        let _settings = LocalSettings::new(&SETTINGS);
        work()
    }

    /// Reads a row into `values`, which keep their order from row to row, and allocates on the way.
    pub fn read(&self, row: Row, values: &mut Values) {
        values.clear();
        values.extend(self.columns.iter().map(|column| {
            // SAFETY: the value is one of the column that the cast was found for.
            row.get(column.number).and_then(|it| unsafe { column.cast.text(it) })
        }));
    }

    /// The value of a column among `values`.
    pub fn value<'v>(&self, values: &'v Values, name: &str) -> Option<&'v str> {
        let at = self.columns.iter().position(|column| column.name == name)?;
        values.get(at)?.as_deref()
    }
}

/// The number of a column, its type, a domain's base, and how that becomes text.
fn cast(attribute: pg_sys::FormData_pg_attribute) -> Result<(i16, Oid, Cast), Unknown> {
    if attribute.attgenerated as u8 == b'v' {
        return Err(Unknown::Virtual);
    }
    // SAFETY: a look-up in the system caches.
    let base = unsafe { pg_sys::getBaseType(attribute.atttypid) };
    Ok((attribute.attnum, base, Cast::of(base).map_err(Unknown::Unfit)?))
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
