//! Texts in byte order, each once, however many there are.
//!
//! Owns the one place where an update of a million rows could take memory without bound: few texts are kept here, many
//! go through PostgreSQL's sort, which writes to disk what does not fit into `work_mem`.

use crate::pg::compat;
use pgrx::pg_sys;
use pgrx::{FromDatum, IntoDatum};

/// How many texts are kept here, and how many are handed out at a time: as many as a statement deletes well.
const BATCH: usize = 1000;

/// Texts to be sorted. What PostgreSQL holds of them goes with the transaction where an error comes in between.
#[derive(Default)]
pub struct Texts {
    few: Vec<String>,
    many: Option<*mut pg_sys::Tuplesortstate>,
}

impl Texts {
    /// Adds a text.
    pub fn push(&mut self, text: &str) {
        if self.few.len() == BATCH {
            self.sort();
            // A million rows may have one tag: then there is nothing to pass on.
            if self.few.len() > BATCH / 2 {
                self.pass_on();
            }
        }
        self.few.push(text.to_owned());
    }

    fn sort(&mut self) {
        self.few.sort_unstable();
        self.few.dedup();
    }

    fn pass_on(&mut self) {
        // SAFETY: begins a sort of texts by their bytes, in the current memory context.
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

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.few.is_empty() && self.many.is_none()
    }

    /// Hands out all of them in batches, in order within and across these.
    ///
    /// # Errors
    /// The first of `work`.
    pub fn in_order<E>(mut self, mut work: impl FnMut(&[String]) -> Result<(), E>) -> Result<(), E> {
        if self.many.is_none() {
            self.sort();
            return if self.few.is_empty() { Ok(()) } else { work(&self.few) };
        }
        self.pass_on();
        self.many.map_or(Ok(()), |sort| hand_out(sort, work))
    }
}

fn hand_out<E>(sort: *mut pg_sys::Tuplesortstate, mut work: impl FnMut(&[String]) -> Result<(), E>) -> Result<(), E> {
    // SAFETY: the sort has begun and not been performed.
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
    // SAFETY: as above; not used any more. After an error its memory and its files go with the transaction's.
    unsafe { pg_sys::tuplesort_end(sort) };
    Ok(())
}

fn put(sort: *mut pg_sys::Tuplesortstate, text: &str) {
    if let Some(datum) = text.into_datum() {
        // SAFETY: the sort has begun; it copies the text, which is ours to free.
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
