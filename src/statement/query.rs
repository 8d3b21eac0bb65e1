//! Running a query that the caller wrote.
//!
//! Owns how the caller's text becomes one value. The text is parsed by itself. It is refused before any of it runs if
//! it is not one query with one column. Its result is read as the type that PostgreSQL reports. Must never put the text
//! into another one.

use super::spi::{Connection, Param, prepare, values_and_nulls};
use crate::error::{CacheError, LoadError};
use crate::pg::{InnerQuery, Jsonb, ReadOnly};
use pgrx::FromDatum;
use pgrx::pg_sys::{self, Datum, Oid};
use std::ffi::{CStr, CString};

/// The number of rows to fetch: one, and one more to detect too many.
const ROWS: i64 = 2;

/// Returns the one value of a query that only reads, under the active snapshot, with texts as parameters. None if it
/// returns no row or SQL NULL. A value of another type becomes JSON as in `to_jsonb`.
///
/// # Errors
/// [`LoadError::NotAQuery`], [`LoadError::Columns`], [`LoadError::Rows`]. Raises what the query raises.
pub fn query(sql: &CStr, args: &[Param]) -> Result<Option<Jsonb>, CacheError> {
    parse(sql)?;
    let (mut values, nulls) = values_and_nulls(args);
    let connection = Connection::open();
    let plan = prepare(sql, &vec![pg_sys::TEXTOID; args.len()]);
    check_columns(plan)?;
    // SAFETY: the plan was made in the current connection and has as many parameters. It is run read-only, so SPI
    // refuses commands that write or lock.
    let outcome = unsafe { pg_sys::SPI_execute_plan(plan, values.as_mut_ptr(), nulls.as_ptr(), true, ROWS) };
    if outcome != pg_sys::SPI_OK_SELECT as i32 {
        return Err(LoadError::NotAQuery("It is a different command").into());
    }
    // SAFETY: SPI has just set its globals for this connection.
    unsafe { take(connection.outer) }
}

/// How many keys a query may list: they are kept in memory, and a query that has grown must not take all of it.
const MOST_LISTED: i64 = 1_000_000;

/// A row of a query that lists keys: the key as text, and its tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub key: Option<String>,
    pub tags: Option<Vec<Option<String>>>,
}

/// The rows of a query that only reads, under the active snapshot. Its first column becomes text; a second one must be
/// of type `text[]`.
///
/// # Errors
/// [`LoadError::NotAQuery`], [`LoadError::ListColumns`], [`LoadError::TooManyListed`]. Raises what the query raises.
pub fn list(sql: &CStr) -> Result<Vec<Listed>, CacheError> {
    parse(sql)?;
    let _connection = Connection::open();
    let plan = prepare(sql, &[]);
    check_list_columns(plan)?;
    // Functions in it do not write either.
    let _read_only = ReadOnly::begin();
    // SAFETY: as in `query`.
    let outcome =
        unsafe { pg_sys::SPI_execute_plan(plan, std::ptr::null_mut(), std::ptr::null(), true, MOST_LISTED + 1) };
    if outcome != pg_sys::SPI_OK_SELECT as i32 {
        return Err(LoadError::NotAQuery("It is a different command").into());
    }
    // SAFETY: SPI has just set its globals for this connection. The text of a value is a copy that is freed here.
    unsafe {
        if pg_sys::SPI_processed as i64 > MOST_LISTED {
            return Err(LoadError::TooManyListed(MOST_LISTED).into());
        }
        let table = pg_sys::SPI_tuptable;
        let (rows, shape) = ((*table).vals, (*table).tupdesc);
        let key = |row: usize| {
            let text = pg_sys::SPI_getvalue(*rows.add(row), shape, 1);
            (!text.is_null()).then(|| {
                let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
                pg_sys::pfree(text.cast());
                copy
            })
        };
        let tags = |row: usize| {
            let mut is_null = (*shape).natts < 2;
            let tags =
                if is_null { Datum::null() } else { pg_sys::SPI_getbinval(*rows.add(row), shape, 2, &mut is_null) };
            Vec::<Option<String>>::from_datum(tags, is_null)
        };
        Ok((0..pg_sys::SPI_processed as usize).map(|row| Listed { key: key(row), tags: tags(row) }).collect())
    }
}

/// Checks that the plan is that of a query with a column of keys, and at most one of tags beside it.
fn check_list_columns(plan: pg_sys::SPIPlanPtr) -> Result<(), CacheError> {
    let shape = shape_of(plan)?;
    // SAFETY: the plan was made in the current connection, and keeps its shape.
    let (columns, second) = unsafe { ((*shape).natts, pg_sys::SPI_gettypeid(shape, 2)) };
    match columns {
        1 => Ok(()),
        2 if second == pg_sys::TEXTARRAYOID => Ok(()),
        _ => Err(LoadError::ListColumns.into()),
    }
}

/// Checks that a text is a query, as far as its grammar tells.
///
/// # Errors
/// [`LoadError::NotAQuery`]. Raises what the parser raises.
pub fn check_query(sql: &str) -> Result<(), CacheError> {
    parse(&CString::new(sql).unwrap_or_default())
}

/// Checks that the text is one statement that only returns rows.
fn parse(sql: &CStr) -> Result<(), CacheError> {
    let _position = InnerQuery::of(sql);
    // SAFETY: the parser returns a list of RawStmt; a node is cast by its tag. The tree is in the current context.
    unsafe {
        let statements = pg_sys::pg_parse_query(sql.as_ptr());
        match if statements.is_null() { 0 } else { (*statements).length } {
            0 => return Err(LoadError::NotAQuery("It is empty").into()),
            1 => {}
            _ => return Err(LoadError::NotAQuery("It contains several statements").into()),
        }
        let statement = (*pg_sys::list_nth(statements, 0).cast::<pg_sys::RawStmt>()).stmt;
        if (*statement).type_ != pg_sys::NodeTag::T_SelectStmt {
            return Err(LoadError::NotAQuery("It is a different command").into());
        }
        let mut select = statement.cast::<pg_sys::SelectStmt>();
        while (*select).op != pg_sys::SetOperation::SETOP_NONE {
            select = (*select).larg;
        }
        if (*select).intoClause.is_null() { Ok(()) } else { Err(LoadError::NotAQuery("It contains INTO").into()) }
    }
}

/// Checks that the plan, which has not run yet, is that of a query with one column.
fn check_columns(plan: pg_sys::SPIPlanPtr) -> Result<(), CacheError> {
    // SAFETY: the plan was made in the current connection, and keeps its shape.
    match unsafe { (*shape_of(plan)?).natts } {
        1 => Ok(()),
        columns => Err(LoadError::Columns(columns).into()),
    }
}

/// The shape of the rows of a plan, which has not run yet.
fn shape_of(plan: pg_sys::SPIPlanPtr) -> Result<pg_sys::TupleDesc, CacheError> {
    if plan.is_null() {
        return Err(LoadError::NotAQuery("It is a different command").into());
    }
    // SAFETY: the plan was made in the current connection; its list has one CachedPlanSource for each statement.
    unsafe {
        let sources = pg_sys::SPI_plan_get_plan_sources(plan);
        let shape = match if sources.is_null() { 0 } else { (*sources).length } {
            1 => (*pg_sys::list_nth(sources, 0).cast::<pg_sys::CachedPlanSource>()).resultDesc,
            _ => std::ptr::null_mut(),
        };
        if shape.is_null() { Err(LoadError::NotAQuery("It is a different command").into()) } else { Ok(shape) }
    }
}

/// The value of the query that has just run, copied to `outer`.
///
/// # Safety
/// A query has just run in the current SPI connection, and `outer` is the context around it.
unsafe fn take(outer: pg_sys::MemoryContext) -> Result<Option<Jsonb>, CacheError> {
    // SAFETY: as the caller promises. The datum is passed on with the type of the rows, not with an expected one.
    unsafe {
        let table = pg_sys::SPI_tuptable;
        if table.is_null() || pg_sys::SPI_processed == 0 {
            return Ok(None);
        }
        if pg_sys::SPI_processed > 1 {
            return Err(LoadError::Rows.into());
        }
        let shape = (*table).tupdesc;
        if (*shape).natts != 1 {
            return Err(LoadError::Columns((*shape).natts).into());
        }
        let mut is_null = false;
        let datum = pg_sys::SPI_getbinval(*(*table).vals, shape, 1, &mut is_null);
        if is_null {
            return Ok(None);
        }
        let inner = pg_sys::MemoryContextSwitchTo(outer);
        let value = json_of(datum, pg_sys::SPI_gettypeid(shape, 1));
        pg_sys::MemoryContextSwitchTo(inner);
        Ok(Some(value))
    }
}

/// # Safety
/// The datum is of this type, and not NULL.
unsafe fn json_of(datum: Datum, kind: Oid) -> Jsonb {
    // SAFETY: a jsonb, also one of a domain, is copied whole. `to_jsonb` learns the type of any other value from the
    // expression of its call, as the executor passes it.
    unsafe {
        if pg_sys::getBaseType(kind) == pg_sys::JSONBOID {
            return Jsonb(pg_sys::pg_detoast_datum_copy(datum.cast_mut_ptr()).into());
        }
        let argument = pg_sys::makeNullConst(kind, -1, Oid::INVALID);
        let arguments = pg_sys::lappend(std::ptr::null_mut(), argument.cast());
        let call = pg_sys::makeFuncExpr(
            pg_sys::F_TO_JSONB.into(),
            pg_sys::JSONBOID,
            arguments,
            Oid::INVALID,
            Oid::INVALID,
            pg_sys::CoercionForm::COERCE_EXPLICIT_CALL,
        );
        let mut function = pg_sys::FmgrInfo::default();
        pg_sys::fmgr_info(pg_sys::F_TO_JSONB.into(), &mut function);
        function.fn_expr = call.cast();
        Jsonb(pg_sys::FunctionCall1Coll(&mut function, Oid::INVALID, datum))
    }
}
