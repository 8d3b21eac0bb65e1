//! The file that keeps the memory of reads while the server is down.
//!
//! Owns the content of the file: how many positions there are, the positions, and the bytes of the memory. The file
//! stays, so that it is there after a crash too; then it may be some minutes old. A crash empties an unlogged cache.
//! Then a key that was read before starts with its credit, and nothing else happens. Must never take up a part of a
//! file.

use super::position::{self, Position};
use super::recency::BYTES;
use crate::shared::kept::{self, Kept, Reader, Writer};
use cache_pg_rules::eviction::Use;
use cache_pg_rules::recency::{Title, spread};
use pgrx::pg_sys;
use std::io;

/// Beside the statistics.
pub(super) static FILE: Kept = Kept {
    what: "the memory of reads",
    path: c"pg_stat/cache_pg.recency",
    being_written: c"pg_stat/cache_pg.recency.tmp",
    outlives_crashes: true,
    load,
    save,
};

/// How many bytes of the memory are read or written at once: a millisecond's worth.
const CHUNK: usize = 1 << 20;

fn server() -> u64 {
    // SAFETY: reads the control file's copy in memory, which the postmaster has before shared memory.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// A copy of the next chunk of the memory, which others change meanwhile; an empty one at its end.
pub(super) fn chunk(from: usize) -> Vec<u8> {
    let bytes = BYTES.all();
    let end = bytes.len().min(from.saturating_add(CHUNK));
    bytes.get(from..end).unwrap_or_default().iter().map(|byte| byte.get().bits()).collect()
}

/// Begins a file: everything but the bytes of the memory.
///
/// # Errors
/// It cannot be written.
pub(super) fn begin() -> io::Result<Writer> {
    let title = Title { bytes: BYTES.all().len() as u64, server: server() };
    let mut file = Writer::create(&FILE, &title.to_string())?;
    let positions = position::all();
    file.write(&(positions.len() as u32).to_le_bytes())?;
    for position in positions {
        file.write(&position.to_bytes())?;
    }
    Ok(file)
}

fn save() -> io::Result<()> {
    if BYTES.all().is_empty() {
        return Ok(());
    }
    let (mut file, mut at) = (begin()?, 0);
    loop {
        let chunk = chunk(at);
        if chunk.is_empty() {
            return file.finish();
        }
        at += chunk.len();
        file.write(&chunk)?;
    }
}

fn load(mut file: Reader) -> io::Result<()> {
    if BYTES.all().is_empty() {
        return Ok(());
    }
    let title = Title::parse(file.title(), server()).map_err(kept::unfit)?;
    let loaded = take_up(&mut file, title.bytes).and_then(|()| file.finish());
    if loaded.is_err() {
        position::set_saved(&[]);
        BYTES.all().iter().for_each(|byte| byte.set(Use::default()));
    }
    loaded
}

fn take_up(file: &mut Reader, old: u64) -> io::Result<()> {
    let mut count = [0; 4];
    file.read(&mut count)?;
    let mut positions = Vec::new();
    for _ in 0..u32::from_le_bytes(count) {
        let mut position = [0; Position::BYTES];
        file.read(&mut position)?;
        positions.push(Position::from_bytes(position));
    }
    position::set_saved(&positions);
    if file.left() != old {
        return Err(kept::damaged());
    }
    let (bytes, mut buffer, mut at) = (BYTES.all(), vec![0; CHUNK], 0);
    while file.left() > 0 {
        let read = buffer.len().min(file.left() as usize);
        file.read(&mut buffer[..read])?;
        for (number, &saved) in (at..).zip(&buffer[..read]).filter(|&(_, &saved)| saved != 0) {
            // One byte, unless the memory had another size.
            let (first, last) = spread(number, old, bytes.len() as u64).into_inner();
            for byte in bytes.get(first as usize..=last as usize).unwrap_or_default() {
                byte.set(byte.get().merged(Use::from_bits(saved)));
            }
        }
        at += read as u64;
    }
    Ok(())
}
