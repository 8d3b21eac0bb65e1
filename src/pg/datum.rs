//! Values that are passed on unchanged.
//!
//! Owns the types that carry a datum as it is. A cached value is never parsed, only passed on or copied. Must never
//! keep a datum longer than the call that it came with.

use cache_pg_rules::counter::{self, CounterError};
use pgrx::callconv::{Arg, ArgAbi, BoxRet, FcInfo};
use pgrx::datum::Datum as CallDatum;
use pgrx::pgrx_sql_entity_graph::metadata::{
    ArgumentError, ReturnsError, ReturnsRef, SqlMappingRef, SqlTranslatable, TypeOrigin,
};
use pgrx::{FromDatum, IntoDatum, nullable::Nullable, pg_sys};

/// Declares types that hold a datum of one SQL type without looking inside.
macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident, $sql:literal, $oid:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name(pub pg_sys::Datum);

        impl FromDatum for $name {
            unsafe fn from_polymorphic_datum(datum: pg_sys::Datum, is_null: bool, _: pg_sys::Oid) -> Option<Self> {
                (!is_null).then_some(Self(datum))
            }
        }

        impl IntoDatum for $name {
            fn into_datum(self) -> Option<pg_sys::Datum> {
                Some(self.0)
            }

            fn type_oid() -> pg_sys::Oid {
                pg_sys::$oid
            }
        }

        // SAFETY: the wrapper only passes the datum on; PostgreSQL has checked the argument's type.
        unsafe impl<'fcx> ArgAbi<'fcx> for $name {
            unsafe fn unbox_arg_unchecked(arg: Arg<'_, 'fcx>) -> Self {
                // SAFETY: as the caller promises; an argument that may be NULL is taken as Option.
                unsafe { arg.unbox_arg_using_from_datum() }.unwrap_or(Self(pg_sys::Datum::null()))
            }

            unsafe fn unbox_nullable_arg(arg: Arg<'_, 'fcx>) -> Nullable<Self> {
                // SAFETY: as the caller promises.
                unsafe { arg.unbox_arg_using_from_datum() }.into()
            }
        }

        // SAFETY: the datum is of the SQL type that the function declares.
        unsafe impl BoxRet for $name {
            unsafe fn box_into<'fcx>(self, fcinfo: &mut FcInfo<'fcx>) -> CallDatum<'fcx> {
                // SAFETY: as above.
                unsafe { fcinfo.return_raw_datum(self.0) }
            }
        }

        // SAFETY: the names below are those of the SQL type.
        unsafe impl SqlTranslatable for $name {
            const TYPE_IDENT: &'static str = pgrx::pgrx_resolved_type!($name);
            const TYPE_ORIGIN: TypeOrigin = TypeOrigin::External;
            const ARGUMENT_SQL: Result<SqlMappingRef, ArgumentError> = Ok(SqlMappingRef::literal($sql));
            const RETURN_SQL: Result<ReturnsRef, ReturnsError> = Ok(ReturnsRef::One(SqlMappingRef::literal($sql)));
        }
    )+};
}
pub(super) use opaque;

opaque! {
    /// A JSON value, possibly compressed or out of line.
    Jsonb, "jsonb", JSONBOID;
    /// Bytes, possibly compressed or out of line.
    Bytea, "bytea", BYTEAOID;
    /// A full transaction ID.
    Xid8, "xid8", XID8OID;
    /// An array of texts, possibly NULL ones.
    TextArray, "text[]", TEXTARRAYOID;
    /// An array of integers, possibly NULL ones.
    BigintArray, "bigint[]", INT8ARRAYOID;
    /// A relation, by its OID.
    Regclass, "regclass", REGCLASSOID;
    /// A function, by its OID.
    Regprocedure, "regprocedure", REGPROCEDUREOID;
}

impl Regclass {
    /// The OID.
    pub fn oid(self) -> pg_sys::Oid {
        pg_sys::Oid::from(self.0.value() as u32)
    }
}

impl Regprocedure {
    /// The OID.
    pub fn oid(self) -> pg_sys::Oid {
        pg_sys::Oid::from(self.0.value() as u32)
    }
}

impl Jsonb {
    /// Whether the value is a JSON object.
    pub fn is_object(self) -> bool {
        // SAFETY: the function takes a jsonb and returns a text.
        let kind: Option<&str> = unsafe { pgrx::direct_function_call(pg_sys::jsonb_typeof, &[Some(self.0)]) };
        kind == Some("object")
    }

    /// The value as PostgreSQL prints it.
    pub fn printed<'a>(self) -> &'a str {
        // SAFETY: the function takes a jsonb and returns its JSON, which lives until the end of the call.
        let json: Option<&std::ffi::CStr> = unsafe { pgrx::direct_function_call(pg_sys::jsonb_out, &[Some(self.0)]) };
        json.and_then(|json| json.to_str().ok()).unwrap_or_default()
    }

    /// The value as an integer.
    ///
    /// # Errors
    /// [`CounterError`] if it is no integer.
    pub fn integer(self) -> Result<i64, CounterError> {
        counter::parse(self.printed())
    }

    /// The text of a JSON string; None if it is no string.
    pub fn text(self) -> Option<String> {
        serde_json::from_str(self.printed()).ok()
    }

    /// A text as a JSON string.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::to_string(text).ok().and_then(|json| Self::parse(&json))
    }

    /// An integer as a value.
    pub fn from_integer(integer: i64) -> Option<Self> {
        Self::parse(&integer.to_string())
    }

    /// A value from JSON. Raises 22P02 if it is malformed.
    pub fn parse(json: &str) -> Option<Self> {
        let json = std::ffi::CString::new(json).ok()?;
        // SAFETY: an input function takes the text.
        unsafe { pgrx::direct_function_call(pg_sys::jsonb_in, &[Some(json.as_ptr().into())]) }
    }
}

/// A moment in microseconds since 2000-01-01 UTC, as in PostgreSQL. [`Timestamp::FOREVER`] is `infinity`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// `infinity`: no deadline.
    pub const FOREVER: Self = Self(i64::MAX);
    /// The first microsecond after the end of PostgreSQL's calendar: 294277-01-01 (END_TIMESTAMP).
    const END: i64 = 9_223_371_331_200_000_000;

    /// The moment `micros`, or [`Timestamp::FOREVER`] if it lies beyond the calendar.
    pub fn within_calendar(micros: i64) -> Self {
        if micros < Self::END { Self(micros) } else { Self::FOREVER }
    }
}

impl IntoDatum for Timestamp {
    fn into_datum(self) -> Option<pg_sys::Datum> {
        Some(pg_sys::Datum::from(self.0))
    }

    fn type_oid() -> pg_sys::Oid {
        pg_sys::TIMESTAMPTZOID
    }
}

impl From<Timestamp> for pgrx::datum::TimestampWithTimeZone {
    fn from(moment: Timestamp) -> Self {
        pgrx::datum::TimestampWithTimeZone::try_from(moment.0).unwrap_or_else(|_| Self::positive_infinity())
    }
}
