//! The tags of an entry as its row has them, read without trust: a role that may write the table may have stored any
//! arrays of the right types.
//!
//! Owns which arrays are valid tags. Must never raise, nor read more bytes than valid tags can take.

use crate::pg::{BigintArray, TextArray};
use crate::{catalog::column, heap::Row};
use cache_pg_rules::key::{Key, MAX_KEY_BYTES};
use pgrx::pg_sys::{self, ArrayType, Datum, Oid, varlena};

/// The most tags that an entry may carry.
pub const MOST_TAGS: usize = 1024;

/// A tag and its generation when the entry was written.
pub type Carried = (String, i64);

/// The tags of a row. None: the extension cannot have written these arrays, so the row is damaged.
pub fn of(row: &Row) -> Option<Vec<Carried>> {
    // The last column first, so that the tuple is deformed once.
    let generations = row.datum(column::TAG_GENERATIONS).map(BigintArray);
    match row.datum(column::TAGS) {
        Some(tags) => parse(TextArray(tags), generations),
        None => Some(Vec::new()),
    }
}

/// Two arrays as tags. They must have one dimension, no NULLs, equal lengths of at most [`MOST_TAGS`], and each text
/// must be a tag. Empty arrays mean no tags.
pub fn parse(tags: TextArray, generations: Option<BigintArray>) -> Option<Vec<Carried>> {
    let names = elements(tags.0, pg_sys::TEXTOID, MAX_KEY_BYTES + TEXT_HEADER, |element| {
        // SAFETY: an element of a text[]; it is copied before the array is freed.
        let bytes = unsafe { pgrx::varlena_to_byte_slice(element.cast_mut_ptr()) };
        let text = std::str::from_utf8(bytes).ok()?;
        Key::parse(text).is_ok().then(|| text.to_owned())
    })?;
    let generations = match generations {
        Some(generations) => elements(generations.0, pg_sys::INT8OID, size_of::<i64>(), |it| Some(it.value() as i64))?,
        None => Vec::new(),
    };
    (names.len() == generations.len()).then(|| names.into_iter().zip(generations).collect())
}

/// The header of a text, and its padding.
const TEXT_HEADER: usize = 8;
/// The header of an array of one dimension.
const ARRAY_HEADER: usize = 32;

/// The elements of an array, each as `take` copies it. None: the array is too large, has NULLs, another number of
/// dimensions or another element type, or `take` rejects an element.
fn elements<R>(array: Datum, of: Oid, widest: usize, take: impl Fn(Datum) -> Option<R>) -> Option<Vec<R>> {
    // SAFETY: the datum is an array. Its size is checked before it is detoasted. The detoasted copy and the array of
    // elements are freed.
    unsafe {
        if pg_sys::toast_raw_datum_size(array) > ARRAY_HEADER + MOST_TAGS * widest {
            return None;
        }
        let stored: *mut varlena = array.cast_mut_ptr();
        let whole = pg_sys::pg_detoast_datum(stored);
        let taken = take_all(whole.cast(), of, take);
        if whole != stored {
            pg_sys::pfree(whole.cast());
        }
        taken
    }
}

/// # Safety
/// The whole array is in memory.
unsafe fn take_all<R>(array: *mut ArrayType, of: Oid, take: impl Fn(Datum) -> Option<R>) -> Option<Vec<R>> {
    // SAFETY: as the caller promises; an array of one dimension has its length behind the header.
    unsafe {
        if (*array).ndim == 0 {
            return Some(Vec::new());
        }
        let length = *array.add(1).cast::<i32>();
        let has_nulls = (*array).dataoffset != 0;
        if (*array).ndim != 1 || (*array).elemtype != of || has_nulls || length < 0 || length as usize > MOST_TAGS {
            return None;
        }
        let (size, by_value, align) =
            if of == pg_sys::INT8OID { (8, true, pg_sys::TYPALIGN_DOUBLE) } else { (-1, false, pg_sys::TYPALIGN_INT) };
        let (mut elements, mut count) = (std::ptr::null_mut(), 0);
        let nulls = std::ptr::null_mut();
        pg_sys::deconstruct_array(array, of, size, by_value, align as _, &mut elements, nulls, &mut count);
        let taken = (0..count as usize).map(|number| take(*elements.add(number))).collect();
        pg_sys::pfree(elements.cast());
        taken
    }
}
