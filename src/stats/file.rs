//! Keeping the statistics across a clean restart.
//!
//! The postmaster writes them to a file when it stops, and reads and removes it when it starts: after a crash there is
//! none, and counting begins anew, as that of PostgreSQL does. An immediate shutdown is a crash, though it ends like
//! any other. So the control file is asked whether the databases were shut down, before the statistics are written, and
//! before they are read. What was written by another version of the extension is of another shape, and is left unread.
//! Must never keep a server from starting or stopping.

use super::memory::{self, Area};
use super::place::{self, Place};
use crate::shared::array::{self, Shareable};
use cache_pg_rules::places::Claim;
use pgrx::prelude::*;
use std::fs;
use std::io::{self, Write};
use std::mem::offset_of;
use std::sync::atomic::Ordering;

/// Beside those of PostgreSQL, in the data directory.
const PATH: &str = "pg_stat/cache_pg.stat";
const BEING_WRITTEN: &str = "pg_stat/cache_pg.stat.tmp";
const CONTROL: &str = "global/pg_control";

/// What a file begins with: it fits these types, of this version, alone.
fn header() -> Vec<u8> {
    let shape = (size_of::<Area>(), size_of::<Place>());
    format!("cache_pg {} statistics {shape:?}\n", env!("CARGO_PKG_VERSION")).into_bytes()
}

/// Called by the postmaster while it loads libraries.
pub fn register() {
    array::when_attached(start);
}

/// Runs in the postmaster whenever the shared memory is new.
fn start() {
    // SAFETY: in the postmaster; the callback lives as long as the process.
    unsafe { pg_sys::on_shmem_exit(Some(at_exit), pg_sys::Datum::null()) };
    match is_shut_down().and_then(|is| if is { load() } else { Ok(()) }) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            pgrx::log!("cache_pg could not read its statistics from \"{PATH}\": {why}");
        }
        _ => {}
    }
    drop(fs::remove_file(PATH));
}

#[pg_guard]
unsafe extern "C-unwind" fn at_exit(code: i32, _argument: pg_sys::Datum) {
    // After a crash nothing in shared memory is to be trusted.
    if code == 0
        && let Err(why) = is_shut_down().and_then(|is| if is { save() } else { Ok(()) })
    {
        pgrx::log!("cache_pg could not write its statistics to \"{PATH}\": {why}");
    }
}

/// Whether the databases were shut down, with the checkpoint that belongs to it. PostgreSQL's own reader of the control
/// file raises where it cannot, which the postmaster must not.
fn is_shut_down() -> io::Result<bool> {
    use pg_sys::DBState::{DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY, Type};
    let control = fs::read(CONTROL)?;
    let state = control.get(offset_of!(pg_sys::ControlFileData, state)..).and_then(<[u8]>::first_chunk);
    Ok(state.is_some_and(|state| [DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY].contains(&Type::from_ne_bytes(*state))))
}

fn save() -> io::Result<()> {
    let (areas, places) = memory::everything();
    let mut text = Vec::new();
    for area in areas.iter().filter(|area| area.owner().load(Ordering::Relaxed) != 0) {
        text.push(b'A');
        text.extend_from_slice(bytes_of(area));
    }
    for place in places.iter().filter(|place| place.owner().is_some()) {
        text.push(b'P');
        text.extend_from_slice(bytes_of(place));
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
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is damaged"));
    }
    let (areas, _) = memory::everything();
    let mut areas = areas.iter();
    while let Some((kind, after)) = rest.split_first() {
        let length = if *kind == b'A' { size_of::<Area>() } else { size_of::<Place>() };
        let Some((bytes, next)) = after.split_at_checked(length) else { break };
        rest = next;
        if *kind == b'A' {
            if let Some(area) = areas.next() {
                copy_into(area, bytes);
            }
        } else {
            restore(bytes);
        }
    }
    Ok(())
}

/// Puts a namespace where it belongs: there may be fewer places, or more, than there were.
fn restore(bytes: &[u8]) {
    let mut saved: Box<std::mem::MaybeUninit<Place>> = Box::new_uninit();
    // SAFETY: as many bytes as the type has, any of which is a value of it.
    let saved = unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), saved.as_mut_ptr().cast::<u8>(), bytes.len());
        saved.assume_init()
    };
    if let Some((database, name)) = saved.owner()
        && let Some((place, generation)) = place::find_or_take(database, &name, Claim::Found)
    {
        copy_into(&place.tally, bytes_of(&saved.tally));
        // These are of this run of the server. Whoever loads the configuration says what is configured.
        place.tally.generation.store(generation, Ordering::Relaxed);
        place.tally.last_used.store(place::ticks(), Ordering::Relaxed);
        place.tally.is_configured.store(false, Ordering::Relaxed);
    }
}

fn bytes_of<T: Shareable>(value: &T) -> &[u8] {
    // SAFETY: the bytes of a value; padding was zeroed with the rest of the shared memory.
    unsafe { std::slice::from_raw_parts(std::ptr::from_ref(value).cast::<u8>(), size_of::<T>()) }
}

/// Overwrites a value in shared memory, which nobody else uses yet.
fn copy_into<T: Shareable>(value: &T, bytes: &[u8]) {
    let target = std::ptr::from_ref(value).cast_mut().cast::<u8>();
    // SAFETY: as many bytes as the type has; it is made to be shared, and the postmaster is alone.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), target, size_of::<T>().min(bytes.len())) };
}
