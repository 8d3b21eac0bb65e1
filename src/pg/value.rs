//! The value of an entry: JSON or bytes.
//!
//! Owns the two formats, and what can be told of a value without reading it. Must never parse a value.

use super::datum::{Bytea, Jsonb};
use pgrx::pg_sys::{self, Datum};

/// The value of an entry, possibly compressed or out of line.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    Json(Jsonb),
    Bytes(Bytea),
}

/// A type that holds a value in one of the formats.
pub trait Format: Copy {
    /// The value in this format. None: the value has no such format.
    fn of(value: Value) -> Option<Self>;

    /// The value.
    fn value(self) -> Value;
}

impl Format for Jsonb {
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Json(json) => Some(json),
            Value::Bytes(_) => None,
        }
    }

    fn value(self) -> Value {
        Value::Json(self)
    }
}

impl Format for Bytea {
    /// The bytes, or the text of the JSON in UTF-8.
    fn of(value: Value) -> Option<Self> {
        match value {
            Value::Json(json) => Some(Self::of_text(json.printed())),
            Value::Bytes(bytes) => Some(bytes),
        }
    }

    fn value(self) -> Value {
        Value::Bytes(self)
    }
}

impl Bytea {
    /// The bytes of a text, which is UTF-8 as the database is.
    fn of_text(text: &str) -> Self {
        // SAFETY: copies so many bytes. In memory a text has the form of a bytea.
        Self(Datum::from(unsafe { pg_sys::cstring_to_text_with_len(text.as_ptr().cast(), text.len() as i32) }))
    }
}

impl Value {
    /// The JSON, where it is JSON.
    pub fn json(self) -> Option<Jsonb> {
        Jsonb::of(self)
    }

    /// The bytes, where it is bytes.
    pub fn bytes(self) -> Option<Bytea> {
        match self {
            Self::Json(_) => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }

    fn datum(self) -> Datum {
        match self {
            Self::Json(Jsonb(datum)) | Self::Bytes(Bytea(datum)) => datum,
        }
    }

    /// The size of the value without compression, in bytes. Does not fetch the value.
    pub fn size(self) -> usize {
        let value = self.datum().cast_mut_ptr();
        // SAFETY: the datum is a varlena; its header says how it is stored.
        unsafe {
            if !pgrx::varatt_is_1b_e(value) && !pgrx::varatt_is_4b_c(value) {
                return pgrx::varsize_any_exhdr(value);
            }
        }
        // SAFETY: the datum is a varlena; the function reads its header and, out of line, its pointer.
        let with_header = unsafe { pg_sys::toast_raw_datum_size(self.datum()) };
        with_header.saturating_sub(size_of::<u32>())
    }

    /// Whether the value is stored outside of its row.
    pub fn is_out_of_line(self) -> bool {
        // SAFETY: the datum is a varlena.
        unsafe { pgrx::varatt_is_1b_e(self.datum().cast_mut_ptr()) }
    }

    /// The size of the value outside of its row, in bytes; 0 if it is in the row.
    pub fn out_of_line_size(self) -> u64 {
        if !self.is_out_of_line() {
            return 0;
        }
        // SAFETY: the datum is a varlena out of line; the function reads its pointer.
        unsafe { pg_sys::toast_datum_size(self.datum()) as u64 }
    }

    /// Whether both values are the same, byte by byte and in format. Fetches them only if their sizes are equal.
    pub fn equals(self, other: Self) -> bool {
        if self.bytes().is_some() != other.bytes().is_some() || self.size() != other.size() {
            return false;
        }
        // SAFETY: both are varlenas; a fetched value is a copy, and lives until the end of the call.
        unsafe {
            let [one, two] = [self, other].map(|it| pg_sys::pg_detoast_datum(it.datum().cast_mut_ptr()));
            pgrx::varlena_to_byte_slice(one) == pgrx::varlena_to_byte_slice(two)
        }
    }
}
