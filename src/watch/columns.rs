//! The columns that templates name, as text.
//!
//! Owns what the text of a value is: that of `column::text`, under settings that are the same in every session, because
//! a key that depended on who writes would miss. Must never look a column up by anything but its present name, nor run
//! a function that is not PostgreSQL's or a superuser's: who changes the table may have more rights than its author.

use super::rows::Row;
use super::templates::Watch;
use crate::error::CacheError;
use crate::local_settings::{LocalSettings, SAFE_PATH};
use cache_pg_rules::template::Template;
use pgrx::pg_sys::{self, Datum, Oid};
use pgrx::{FromDatum, IntoDatum};
use std::ffi::CStr;

/// What the text of some types depends on: dates, times, intervals, floats, bytes, and names of tables and the like.
const SETTINGS: [(&CStr, &str); 6] = [
    SAFE_PATH,
    (c"DateStyle", "ISO"),
    (c"TimeZone", "UTC"),
    (c"IntervalStyle", "postgres"),
    (c"extra_float_digits", "1"),
    (c"bytea_output", "hex"),
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

/// How a value becomes text.
enum Cast {
    /// It is stored as one.
    None,
    Function(Oid),
    Output(Oid),
}

/// The columns that the templates of a table name, each once.
pub struct Columns {
    columns: Vec<Column>,
    /// The names of those that the table has not.
    missing: Vec<String>,
    /// Whether the text of one of them depends on settings.
    dependent: bool,
}

/// A row's values; None: NULL.
pub type Values = Vec<Option<String>>;

impl Columns {
    /// Finds them in `relation`, as far as they are there.
    ///
    /// # Errors
    /// [`CacheError::VirtualColumn`], [`CacheError::UntrustedCast`].
    ///
    /// # Safety
    /// `relation` is open.
    pub unsafe fn find(relation: pg_sys::Relation, watch: &Watch) -> Result<Self, CacheError> {
        let (mut columns, mut missing) = (Vec::<Column>::new(), Vec::<String>::new());
        let mut dependent = false;
        for name in watch.templates().flat_map(|template| template.columns()) {
            if columns.iter().any(|column| column.name == name) || missing.iter().any(|it| it == name) {
                continue;
            }
            // SAFETY: as the caller promises.
            let Some(attribute) = (unsafe { attribute(relation, name) }) else {
                missing.push(name.into());
                continue;
            };
            if attribute.attgenerated == b'v' as std::ffi::c_char {
                // SAFETY: as the caller promises.
                return Err(CacheError::VirtualColumn { column: name.into(), table: unsafe { table_name(relation) } });
            }
            // SAFETY: a look-up in the system caches.
            let base = unsafe { pg_sys::getBaseType(attribute.atttypid) };
            dependent |= !FIXED.contains(&base);
            let cast = Cast::of(base);
            if !cast.is_trusted(base) {
                // SAFETY: as the caller promises.
                return Err(CacheError::UntrustedCast { column: name.into(), table: unsafe { table_name(relation) } });
            }
            columns.push(Column { name: name.into(), number: attribute.attnum, cast });
        }
        Ok(Self { columns, missing, dependent })
    }

    /// Refuses templates that name a column which `relation` has not.
    ///
    /// # Errors
    /// [`CacheError::NoColumn`].
    ///
    /// # Safety
    /// `relation` is open, and the one that they were looked for in.
    pub unsafe fn check(&self, relation: pg_sys::Relation) -> Result<(), CacheError> {
        match self.missing.first().cloned() {
            // SAFETY: as the caller promises.
            Some(column) => Err(CacheError::NoColumn { column, table: unsafe { table_name(relation) } }),
            None => Ok(()),
        }
    }

    /// Whether they are all there that a template names.
    pub fn suffice(&self, template: &Template) -> bool {
        !template.columns().any(|name| self.missing.iter().any(|it| it == name))
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
        values.extend(self.columns.iter().map(|column| row.get(column.number).and_then(|it| column.cast.text(it))));
    }

    /// The value of a column among `values`.
    pub fn value<'v>(&self, values: &'v Values, name: &str) -> Option<&'v str> {
        let at = self.columns.iter().position(|column| column.name == name)?;
        values.get(at)?.as_deref()
    }
}

impl Cast {
    /// The explicit cast of a type to text, as `column::text` finds it.
    fn of(base: Oid) -> Self {
        use pg_sys::CoercionPathType::{COERCION_PATH_FUNC, COERCION_PATH_RELABELTYPE};
        let (mut function, mut output, mut is_varlena) = (Oid::INVALID, Oid::INVALID, false);
        let explicit = pg_sys::CoercionContext::COERCION_EXPLICIT;
        // SAFETY: look-ups in the system caches.
        unsafe {
            match pg_sys::find_coercion_pathway(pg_sys::TEXTOID, base, explicit, &mut function) {
                COERCION_PATH_RELABELTYPE => return Self::None,
                COERCION_PATH_FUNC => return Self::Function(function),
                _ if base == pg_sys::TEXTOID => return Self::None,
                _ => pg_sys::getTypeOutputInfo(base, &mut output, &mut is_varlena),
            }
        }
        Self::Output(output)
    }

    /// Whether it runs nobody's code but PostgreSQL's and that of superusers, and can be run here: of the value alone.
    /// Output functions are C: only superusers make them. Anybody who owns a type may make a cast of it with any
    /// function, so both must be a superuser's.
    fn is_trusted(&self, base: Oid) -> bool {
        let Self::Function(function) = *self else { return true };
        // SAFETY: a look-up in the system caches.
        if unsafe { pg_sys::get_func_nargs(function) } != 1 {
            return false;
        }
        function.to_u32() < pg_sys::FirstNormalObjectId
            || owners(function, base).is_some_and(|[maker, owner]| {
                // SAFETY: look-ups in the system caches.
                unsafe { pg_sys::superuser_arg(maker) && pg_sys::superuser_arg(owner) }
            })
    }

    fn text(&self, value: Datum) -> Option<String> {
        // SAFETY: the value is not NULL and of the type that the cast was found for.
        unsafe {
            match *self {
                Self::None => String::from_datum(value, false),
                Self::Function(function) => {
                    let text = pg_sys::OidFunctionCall1Coll(function, pg_sys::DEFAULT_COLLATION_OID, value);
                    String::from_datum(text, false)
                }
                Self::Output(function) => {
                    Some(CStr::from_ptr(pg_sys::OidOutputFunctionCall(function, value)).to_string_lossy().into_owned())
                }
            }
        }
    }
}

/// Who owns a function and who a type.
fn owners(function: Oid, of_type: Oid) -> Option<[Oid; 2]> {
    use pg_sys::SysCacheIdentifier::{PROCOID, TYPEOID};
    // SAFETY: look-ups in the system caches; the rows are released.
    unsafe {
        let row = pg_sys::SearchSysCache1(PROCOID as i32, function.into_datum()?);
        if row.is_null() {
            return None;
        }
        let maker = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_proc>()).proowner;
        pg_sys::ReleaseSysCache(row);
        let row = pg_sys::SearchSysCache1(TYPEOID as i32, of_type.into_datum()?);
        if row.is_null() {
            return None;
        }
        let owner = (*pg_sys::GETSTRUCT(row).cast::<pg_sys::FormData_pg_type>()).typowner;
        pg_sys::ReleaseSysCache(row);
        Some([maker, owner])
    }
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
