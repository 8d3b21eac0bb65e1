//! Keeping the statistics across a clean restart.
//!
//! Owns the content of the file, and what of it is taken up. After a crash there is none, and counting begins anew, as
//! in PostgreSQL. A file of another version is not read. Must never hold a figure of a run of the server that crashed.

use super::database::DatabaseStats;
use super::slots::{self, StatsSlot};
use crate::shared::array::Shareable;
use crate::shared::kept::{self, Kept, Reader, Writer};
use cache_pg_rules::places::Claim;
use std::{io, sync::atomic::Ordering};

/// Beside those of PostgreSQL.
static FILE: Kept = Kept {
    what: "statistics",
    path: c"pg_stat/cache_pg.stat",
    being_written: c"pg_stat/cache_pg.stat.tmp",
    outlives_crashes: false,
    load,
    save,
};

/// The bytes before the statistics of a database, and before a slot.
const DATABASE: u8 = b'A';
const SLOT: u8 = b'P';

/// The first line of a file: it fits only these types of this version.
fn title() -> String {
    let shape = (size_of::<DatabaseStats>(), size_of::<StatsSlot>());
    format!("cache_pg statistics {} {shape:?}", env!("CARGO_PKG_VERSION"))
}

/// The postmaster calls this while it loads libraries.
pub fn register() {
    kept::register(&FILE);
}

fn save() -> io::Result<()> {
    let mut file = Writer::create(&FILE, &title())?;
    for database in DatabaseStats::every().iter().filter(|database| database.owner() != 0) {
        file.write(&[DATABASE])?;
        file.write(bytes_of(database))?;
    }
    for slot in slots::all().iter().filter(|slot| slot.owner().is_some()) {
        file.write(&[SLOT])?;
        file.write(bytes_of(slot))?;
    }
    file.finish()
}

fn load(mut file: Reader) -> io::Result<()> {
    if file.title() != title() {
        return Ok(());
    }
    let mut text = vec![0; file.left() as usize];
    file.read(&mut text)?;
    file.finish()?;
    let (mut rest, mut databases) = (text.as_slice(), DatabaseStats::every().iter());
    while let Some((&kind, after)) = rest.split_first() {
        let length = if kind == DATABASE { size_of::<DatabaseStats>() } else { size_of::<StatsSlot>() };
        let Some((bytes, next)) = after.split_at_checked(length) else { break };
        rest = next;
        if kind != DATABASE {
            restore_slot(bytes);
        } else if let Some(database) = databases.next() {
            copy_into(database, bytes);
        }
    }
    Ok(())
}

/// Gives a saved namespace a slot: there may be fewer slots now, or more.
fn restore_slot(bytes: &[u8]) {
    let mut saved: Box<std::mem::MaybeUninit<StatsSlot>> = Box::new_uninit();
    // SAFETY: as many bytes as the type has, and any bytes are a value of it.
    let saved = unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), saved.as_mut_ptr().cast::<u8>(), bytes.len());
        saved.assume_init()
    };
    if let Some((database, name)) = saved.owner()
        && let Some((slot, generation)) = slots::find_or_take(database, &name, Claim::Found)
    {
        copy_into(&slot.stats, bytes_of(&saved.stats));
        // These belong to this run of the server. A backend that reads the configuration marks what is configured.
        slot.stats.generation.store(generation, Ordering::Relaxed);
        slot.stats.last_used.store(slots::ticks(), Ordering::Relaxed);
        slot.stats.is_configured.store(false, Ordering::Relaxed);
    }
}

fn bytes_of<T: Shareable>(value: &T) -> &[u8] {
    // SAFETY: the bytes of a value; padding was zeroed with the rest of the shared memory.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

/// Overwrites a value in shared memory, which no other process uses yet.
fn copy_into<T: Shareable>(value: &T, bytes: &[u8]) {
    let target = std::ptr::from_ref(value).cast_mut().cast::<u8>();
    // SAFETY: as many bytes as the type has; it is made to be shared, and the postmaster is alone.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, size_of::<T>().min(bytes.len())) };
}
