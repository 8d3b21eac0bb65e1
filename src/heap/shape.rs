//! The columns that a table of the extension has, and the check that it still has them.
//!
//! Owns the one way to name a column: by its number and the type that it is read as, so that no row is read as another
//! type. The owner of a table may alter it. Must never let a table be read below the executor before it is verified.

use crate::{error::CacheError, pg::compat, statement};
use pgrx::pg_sys::{self, FormData_pg_attribute, Oid, Relation};
use std::marker::PhantomData;

/// A column: its number (from 1), and the type that it is read as.
pub struct Column<T> {
    number: usize,
    kind: PhantomData<T>,
}

impl<T> Clone for Column<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Column<T> {}

impl<T: statement::FromColumn> Column<T> {
    /// Only for [`columns!`], which makes the shape from the same list.
    pub const fn numbered(number: usize) -> Self {
        Self { number, kind: PhantomData }
    }
}

/// The first column of a table that is found by its key: the key, a text.
pub const FIRST: Column<String> = Column::numbered(1);

impl<T> Column<T> {
    /// Its number, from 1.
    pub const fn number(self) -> usize {
        self.number
    }
}

/// The columns of a table of the extension, in order.
pub struct Shape {
    pub table: &'static str,
    /// Whether the table may have more columns behind these, or another access method. If it does, it is read and
    /// written through the executor only.
    pub is_extensible: bool,
    /// Name and type of each.
    pub columns: &'static [(&'static str, Oid)],
}

/// Declares a module with a [`Column`] for each column of a table, and its `SHAPE`.
macro_rules! columns {
    ($(#[$doc:meta])* $module:ident: $table:literal, $extensible:literal,
     [$($number:literal $name:ident $sql:ident: $kind:ident),* $(,)?]) => {
        $(#[$doc])*
        #[allow(unused_imports, reason = "no table has columns of all types")]
        pub mod $module {
            use $crate::heap::shape::{Column, Shape, counts_from_one};
            use $crate::pg::{BigintArray, Bytea, Jsonb, TextArray, Timestamp, Xid8};
            use $crate::statement::FromColumn;
            use pgrx::datum::Interval;
            use pgrx::pg_sys::Oid;

            $(
                #[allow(dead_code, reason = "not every column is read by number")]
                pub const $name: Column<$kind> = Column::numbered($number);
            )*

            /// The table that has them.
            pub static SHAPE: Shape = Shape {
                table: $table,
                is_extensible: $extensible,
                columns: &[$((stringify!($sql), <$kind as FromColumn>::TYPES[0])),*],
            };
            const _: () = assert!(counts_from_one(&[$($number),*]));
        }
    };
}
pub(crate) use columns;

/// Whether these are 1, 2, 3 and so on.
pub const fn counts_from_one(numbers: &[usize]) -> bool {
    let mut at = 0;
    while at < numbers.len() {
        if numbers[at] != at + 1 {
            return false;
        }
        at += 1;
    }
    true
}

impl Shape {
    /// Raises [`CacheError::Reshaped`] if the table is not as the extension made it.
    ///
    /// # Safety
    /// The relation is open.
    pub unsafe fn verify(&self, relation: Relation) {
        // SAFETY: as the caller promises.
        if let Some(how) = unsafe { self.difference(relation) } {
            CacheError::Reshaped { table: self.table, how }.raise();
        }
    }

    /// How a table differs from the one that the extension made, as a sentence. None if it does not differ.
    ///
    /// # Safety
    /// The relation is open.
    pub unsafe fn difference(&self, relation: Relation) -> Option<String> {
        // SAFETY: as the caller promises; a tuple descriptor has as many attributes as it says.
        unsafe {
            let (row, shape) = ((*relation).rd_rel, (*relation).rd_att);
            if (*row).relkind as u8 != pg_sys::RELKIND_RELATION {
                return Some("It is not an ordinary table.".into());
            }
            if !self.is_extensible && (*row).relam != pg_sys::HEAP_TABLE_AM_OID {
                return Some("It is not stored in a heap.".into());
            }
            let count = (*shape).natts as usize;
            for (number, &(name, kind)) in self.columns.iter().enumerate() {
                let attribute = (number < count).then(|| &*compat::attribute(shape, number));
                let found = attribute.filter(|it| !it.attisdropped && it.name() == name);
                let Some(found) = found else {
                    return Some(format!("Column {} must be \"{name}\".", number + 1));
                };
                if found.atttypid != kind {
                    let [found, kind] = [found.atttypid, kind].map(CacheError::type_name);
                    return Some(format!("Column \"{name}\" must have type {kind}, not {found}."));
                }
                if kind == pg_sys::TEXTOID && number == 0 && found.attcollation != pg_sys::C_COLLATION_OID {
                    return Some(format!("Column \"{name}\" must have collation \"C\"."));
                }
            }
            if !self.is_extensible {
                return (count > self.columns.len()).then(|| "It has additional columns.".into());
            }
            let further = (self.columns.len()..count).map(|number| &*compat::attribute(shape, number));
            let needed = further.into_iter().find(|it| !it.attisdropped && it.attnotnull && !is_filled(it))?;
            Some(format!("Column \"{}\" is NOT NULL and has no default.", needed.name()))
        }
    }
}

/// Whether a column gets a value by itself: it has a default, or is generated.
fn is_filled(column: &FormData_pg_attribute) -> bool {
    column.atthasdef || column.attidentity != 0 || column.attgenerated != 0
}
