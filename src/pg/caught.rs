//! Catching an error, and raising it again as it was.
//!
//! Owns a copy of all that PostgreSQL knows of a caught error: pgrx keeps the original only until the code that catches
//! it has returned, and raising it again after that fails with another error. Must never go on after an error without a
//! rollback: `subtransaction` does that.

use pgrx::pg_sys::panic::{CaughtError, ErrorReportWithLevel};
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString, c_char};
use std::panic::AssertUnwindSafe;

thread_local! {
    /// Constants that errors have had. They are few, and are kept.
    static CONSTANTS: RefCell<BTreeSet<&'static CStr>> = const { RefCell::new(BTreeSet::new()) };
}

/// An error that was caught.
pub struct Caught {
    error: CaughtError,
    /// The error as PostgreSQL raised it, in the memory context of the call of [`catch`]. NULL if Rust code raised it.
    original: *mut pg_sys::ErrorData,
}

/// Runs `work` and catches an error that it raises. Restores the memory context and the error contexts.
pub fn catch<R>(work: impl FnOnce() -> R) -> Result<R, Caught> {
    // SAFETY: reads variables of this backend; the handler restores them to these values.
    let (memory, error_contexts) = unsafe { (pg_sys::CurrentMemoryContext, pg_sys::error_context_stack) };
    let handler = |error| {
        // SAFETY: the frames that have pushed other error contexts have gone. PostgreSQL's error is the one that is on
        // top of its stack of errors until this handler returns.
        unsafe {
            pg_sys::error_context_stack = error_contexts;
            pg_sys::MemoryContextSwitchTo(memory);
            let is_of_postgres = matches!(error, CaughtError::PostgresError(_));
            let original = if is_of_postgres { pg_sys::CopyErrorData() } else { std::ptr::null_mut() };
            if let Some(original) = original.as_mut() {
                let constants = [
                    &mut original.filename,
                    &mut original.funcname,
                    &mut original.domain,
                    &mut original.context_domain,
                    &mut original.message_id,
                ];
                constants.into_iter().for_each(|constant| *constant = kept(*constant));
            }
            Err(Caught { error, original })
        }
    };
    PgTryBuilder::new(AssertUnwindSafe(|| Ok(work()))).catch_others(handler).execute()
}

/// A copy of a text that is the same in all errors of its kind, such as the name of a source file. The copy stays.
///
/// `ReThrowError` copies only pointers to these texts. They need not be constants: since PostgreSQL 19 `CopyErrorData`
/// copies them into the current memory context, and pgrx puts those of its own errors into memory that is freed once an
/// error has been handled. The connection to SPI, and with it that context, ends before the error is reported.
///
/// # Safety
/// The text ends with a zero, or is NULL.
unsafe fn kept(text: *const c_char) -> *const c_char {
    if text.is_null() {
        return text;
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(text) };
    CONSTANTS.with_borrow_mut(|constants| match constants.get(text) {
        Some(known) => known.as_ptr(),
        None => {
            let text: &'static CStr = Box::leak(text.into());
            constants.insert(text);
            text.as_ptr()
        }
    })
}

impl Caught {
    /// Raises the error again.
    pub fn raise(self) -> ! {
        if !self.original.is_null() {
            // SAFETY: PostgreSQL copies the error, and does not return.
            unsafe { pg_sys::ReThrowError(self.original) };
        }
        self.error.rethrow()
    }

    /// Removes the line of the context that shows this statement, and a position in it.
    #[must_use]
    pub fn without_statement(self, sql: &CStr) -> Self {
        // SAFETY: the copy of the error is this one's own, and its texts end with a zero. What replaces them is in the
        // current memory context.
        unsafe {
            if let Some(original) = self.original.as_mut() {
                if !original.internalquery.is_null() && CStr::from_ptr(original.internalquery) == sql {
                    (original.internalquery, original.internalpos) = (std::ptr::null_mut(), 0);
                }
                original.context = without_line(original.context, sql);
            }
        }
        self
    }

    /// Its SQLSTATE. None: it is a fault of Rust code.
    pub fn sqlstate(&self) -> Option<PgSqlErrorCode> {
        match &self.error {
            CaughtError::PostgresError(report) | CaughtError::ErrorReport(report) => Some(report.sql_error_code()),
            CaughtError::RustPanic { .. } => None,
        }
    }

    /// Its parts as pgrx keeps them.
    pub fn parts(&self) -> &ErrorReportWithLevel {
        parts_of(&self.error)
    }
}

/// The parts of an error as pgrx keeps them.
pub fn parts_of(error: &CaughtError) -> &ErrorReportWithLevel {
    let (CaughtError::PostgresError(report)
    | CaughtError::ErrorReport(report)
    | CaughtError::RustPanic { ereport: report, .. }) = error;
    report
}

/// The context without the first of its entries that shows the statement; NULL if nothing is left. The innermost entry
/// is the first: a statement within the same statement fails and is removed before the outer one. An entry has as many
/// lines as its statement, and words of PostgreSQL's language around it.
///
/// # Safety
/// The context ends with a zero, or is NULL.
unsafe fn without_line(context: *mut c_char, sql: &CStr) -> *mut c_char {
    if context.is_null() {
        return context;
    }
    // SAFETY: as the caller promises.
    let text = unsafe { CStr::from_ptr(context) }.to_bytes();
    let sql = sql.to_bytes();
    let Some(start) = text.windows(sql.len().max(1)).position(|part| part == sql) else { return context };
    let line_start = text[..start].iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    let after = &text[start + sql.len()..];
    let line_end = after.iter().position(|&byte| byte == b'\n').unwrap_or(after.len());
    let left = [&text[..line_start], &after[line_end..]].concat();
    let left = left.strip_prefix(b"\n").unwrap_or(&left);
    if left.is_empty() {
        return std::ptr::null_mut();
    }
    let left = CString::new(left).unwrap_or_default();
    // SAFETY: copies a text that ends with a zero.
    unsafe { pg_sys::pstrdup(left.as_ptr()) }
}
