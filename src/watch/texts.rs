//! Any number of texts in byte order, without duplicates.
//!
//! Owns the bound on the memory that an update of a million rows takes: a few texts are kept in memory, many go through
//! PostgreSQL's sort, which writes to disk what does not fit into `work_mem`. Must never return more than a batch.

use crate::pg::compat;
use pgrx::{FromDatum, IntoDatum, pg_sys};

/// The number of texts that are kept in memory, and of a batch: a delete of this many keys is efficient.
const BATCH: usize = 1000;

/// Texts to be sorted. After an error, the end of the transaction releases what PostgreSQL holds of them.
#[derive(Default)]
pub struct SortedTexts {
    few: Vec<String>,
    many: Option<*mut pg_sys::Tuplesortstate>,
}

impl SortedTexts {
    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        if self.few.len() == BATCH {
            self.sort();
            // A million rows can have one tag: then there is nothing to spill.
            if self.few.len() > BATCH / 2 {
                self.spill();
            }
        }
        self.few.push(text.to_owned());
    }

    fn sort(&mut self) {
        self.few.sort_unstable();
        self.few.dedup();
    }

    fn spill(&mut self) {
        // SAFETY: begins a sort in byte order, in the current memory context.
        let sort = *self.many.get_or_insert_with(|| unsafe {
            pg_sys::tuplesort_begin_datum(
                pg_sys::TEXTOID,
                pg_sys::TextLessOperator.into(),
                pg_sys::C_COLLATION_OID,
                false,
                pg_sys::work_mem,
                std::ptr::null_mut(),
                pg_sys::TUPLESORT_NONE as i32,
            )
        });
        for text in self.few.drain(..) {
            put(sort, &text);
        }
    }

    /// Whether there are no texts.
    pub fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_none()
    }

    /// Passes all texts to `work` in batches, in order within and across batches.
    ///
    /// # Errors
    /// The first error of `work`.
    pub fn in_order<E>(mut self, mut work: impl FnMut(&[String]) -> Result<(), E>) -> Result<(), E> {
        if self.many.is_none() {
            self.sort();
            return if self.few.is_empty() { Ok(()) } else { work(&self.few) };
        }
        self.spill();
        self.many.map_or(Ok(()), |sort| pass_sorted(sort, work))
    }
}

fn pass_sorted<E>(
    sort: *mut pg_sys::Tuplesortstate,
    mut work: impl FnMut(&[String]) -> Result<(), E>,
) -> Result<(), E> {
    // SAFETY: the sort has begun and has not been performed.
    unsafe { pg_sys::tuplesort_performsort(sort) };
    let mut batch: Vec<String> = Vec::with_capacity(BATCH);
    while let Some(text) = next(sort) {
        if batch.last() == Some(&text) {
            continue;
        }
        if batch.len() == BATCH {
            work(&batch)?;
            batch.clear();
        }
        batch.push(text);
    }
    work(&batch)?;
    // SAFETY: as above; the sort is not used any more.
    unsafe { pg_sys::tuplesort_end(sort) };
    Ok(())
}

fn put(sort: *mut pg_sys::Tuplesortstate, text: &str) {
    if let Some(datum) = text.into_datum() {
        // SAFETY: the sort has begun; it copies the text, so the original is freed.
        unsafe {
            pg_sys::tuplesort_putdatum(sort, datum, false);
            pg_sys::pfree(datum.cast_mut_ptr());
        }
    }
}

fn next(sort: *mut pg_sys::Tuplesortstate) -> Option<String> {
    pgrx::check_for_interrupts!();
    // SAFETY: the sort is one of texts and is performed; the text is copied at once.
    unsafe { compat::next_sorted(sort, |datum, is_null| String::from_datum(datum, is_null))? }
}
