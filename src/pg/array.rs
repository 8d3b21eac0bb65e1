//! Arrays as arguments, and their elements.
//!
//! Owns the types of arrays whose elements are passed on unchanged. Must never copy an element.

use super::datum::{Bytea, Jsonb, TextArray, opaque};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::{Datum as CallDatum, Interval};
use pgrx::pg_sys::{self, Datum};
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, IntoDatum, nullable::Nullable};

opaque! {
    /// An array of JSON values.
    JsonbArray, "jsonb[]", JSONBARRAYOID;
    /// An array of bytes.
    ByteaArray, "bytea[]", BYTEAARRAYOID;
    /// An array of intervals.
    IntervalArray, "interval[]", INTERVALARRAYOID;
    /// An array of numbers.
    DoubleArray, "double precision[]", FLOAT8ARRAYOID;
}

/// A text in an array.
#[derive(Clone, Copy)]
pub struct TextElement<'a> {
    pub datum: Datum,
    pub text: &'a str,
}

impl TextArray {
    /// The elements, which are parts of the array; None for SQL NULL.
    pub fn texts(&self) -> Vec<Option<TextElement<'_>>> {
        // SAFETY: the array has elements of this type, and is valid until the end of the call. An element is neither
        // compressed nor out of line. The database has the encoding UTF8, which CREATE EXTENSION checks.
        unsafe {
            let text =
                |datum: Datum| TextElement { datum, text: pgrx::text_to_rust_str_unchecked(datum.cast_mut_ptr()) };
            elements::<Datum>(self.0, pg_sys::TEXTOID).into_iter().map(|datum| datum.map(text)).collect()
        }
    }

    /// The same as plain texts.
    pub fn elements(&self) -> Vec<Option<&str>> {
        self.texts().into_iter().map(|element| element.map(|it| it.text)).collect()
    }
}

/// Gives an array its elements, in order, whatever its dimensions are.
macro_rules! elements {
    ($($array:ident: $element:ty = $oid:ident;)+) => {$(
        impl $array {
            /// The elements, which are parts of the array; None for SQL NULL.
            pub fn elements(&self) -> Vec<Option<$element>> {
                // SAFETY: the array has elements of this type. It is valid until the end of the call.
                unsafe { elements(self.0, pg_sys::$oid) }
            }
        }
    )+};
}

elements! {
    JsonbArray: Jsonb = JSONBOID;
    ByteaArray: Bytea = BYTEAOID;
    IntervalArray: Interval = INTERVALOID;
    DoubleArray: f64 = FLOAT8OID;
}

/// # Safety
/// The datum is an array with elements of the type `of`, as which `E` is read, and lives as long as the result.
unsafe fn elements<E: FromDatum>(array: Datum, of: pg_sys::Oid) -> Vec<Option<E>> {
    // SAFETY: as the caller promises. The detoasted copy stays in the memory context of the call.
    unsafe {
        let (mut length, mut by_value, mut align) = (0, false, 0);
        pg_sys::get_typlenbyvalalign(of, &mut length, &mut by_value, &mut align);
        let array = pg_sys::pg_detoast_datum(array.cast_mut_ptr()).cast();
        let (mut elements, mut nulls, mut count) = (std::ptr::null_mut(), std::ptr::null_mut(), 0);
        pg_sys::deconstruct_array(array, of, length.into(), by_value, align, &mut elements, &mut nulls, &mut count);
        (0..count as usize).map(|number| E::from_datum(*elements.add(number), *nulls.add(number))).collect()
    }
}
