//! Keeping the statistics across a clean restart.
//!
//! Owns the file: the postmaster writes it when it stops, and reads and removes it when it starts. After a crash there
//! is none, and counting begins anew, as in PostgreSQL. An immediate shutdown is a crash that exits like an orderly
//! one: the control file tells whether the databases were shut down, before the statistics are written and before they
//! are read. A file of another version is not read. Must never keep a server from starting or stopping.

use super::database::DatabaseStats;
use super::slots::{self, StatsSlot};
use crate::shared::{array, array::Shareable};
use cache_pg_rules::places::Claim;
use pgrx::prelude::*;
use std::io::{self, Write};
use std::{fs, mem::offset_of, sync::atomic::Ordering};

/// Beside those of PostgreSQL, in the data directory.
const PATH: &str = "pg_stat/cache_pg.stat";
const BEING_WRITTEN: &str = "pg_stat/cache_pg.stat.tmp";
const CONTROL: &str = "global/pg_control";

/// The bytes before the statistics of a database, and before a slot.
const DATABASE: u8 = b'A';
const SLOT: u8 = b'P';

/// The start of a file: it fits only these types of this version.
fn header() -> Vec<u8> {
    let shape = (size_of::<DatabaseStats>(), size_of::<StatsSlot>());
    format!("cache_pg {} statistics {shape:?}\n", env!("CARGO_PKG_VERSION")).into_bytes()
}

/// The postmaster calls this while it loads libraries.
pub fn register() {
    array::when_attached(start);
}

/// Runs in the postmaster whenever the shared memory is new.
fn start() {
    // SAFETY: in the postmaster; the callback lives as long as the process.
    unsafe { pg_sys::on_shmem_exit(Some(at_exit), pg_sys::Datum::null()) };
    match is_shut_down().and_then(|is| if is { load() } else { Ok(()) }) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            pgrx::log!("could not read statistics of cache_pg from file \"{PATH}\": {why}");
        }
        _ => {}
    }
    drop(fs::remove_file(PATH));
}

#[pg_guard]
unsafe extern "C-unwind" fn at_exit(code: i32, _argument: pg_sys::Datum) {
    // After a crash nothing in shared memory can be trusted.
    if code == 0
        && let Err(why) = is_shut_down().and_then(|is| if is { save() } else { Ok(()) })
    {
        pgrx::log!("could not write statistics of cache_pg to file \"{PATH}\": {why}");
    }
}

/// Whether the databases were shut down, with a shutdown checkpoint. PostgreSQL's own reader of the control file raises
/// when it fails, and the postmaster must not.
fn is_shut_down() -> io::Result<bool> {
    use pg_sys::DBState::{DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY, Type};
    let control = fs::read(CONTROL)?;
    let state = control.get(offset_of!(pg_sys::ControlFileData, state)..).and_then(<[u8]>::first_chunk);
    Ok(state.is_some_and(|state| [DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY].contains(&Type::from_ne_bytes(*state))))
}

fn save() -> io::Result<()> {
    let mut text = Vec::new();
    for database in DatabaseStats::every().iter().filter(|database| database.owner() != 0) {
        text.push(DATABASE);
        text.extend_from_slice(bytes_of(database));
    }
    for slot in slots::all().iter().filter(|slot| slot.owner().is_some()) {
        text.push(SLOT);
        text.extend_from_slice(bytes_of(slot));
    }
    let mut file = fs::File::create(BEING_WRITTEN)?;
    file.write_all(&header())?;
    file.write_all(&crc32fast::hash(&text).to_le_bytes())?;
    file.write_all(&text)?;
    fs::rename(BEING_WRITTEN, PATH)
}

fn load() -> io::Result<()> {
    let text = fs::read(PATH)?;
    let Some((sum, mut rest)) = text.strip_prefix(header().as_slice()).and_then(<[u8]>::split_first_chunk) else {
        return Ok(());
    };
    if crc32fast::hash(rest).to_le_bytes() != *sum {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is damaged"));
    }
    let mut databases = DatabaseStats::every().iter();
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
