//! Files that keep what is in shared memory while the server is down.
//!
//! Owns their form and their life. A file has a first line that says what it holds, a content, and a checksum. It is
//! written beside the old one, reaches the disk, and takes its place by a rename: there is a whole file at any moment.
//! The postmaster reads the files whenever its shared memory is new. It writes them when it stops, as the last process.
//! An immediate shutdown is a crash that exits like an orderly one, so the control file is asked whether the databases
//! were shut down. Must never keep a server from starting or stopping: a failure is a line in the log.

use super::array;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::{ffi::CStr, fmt::Display, mem::offset_of, path::Path};

const CONTROL: &str = "global/pg_control";
/// No first line is longer.
const LONGEST_TITLE: u64 = 200;
const SUM: usize = size_of::<u32>();

/// A kind of file.
pub struct Kept {
    /// Its content, for the log.
    pub what: &'static str,
    /// Where it is in the data directory.
    pub path: &'static CStr,
    /// Where it is while it is written.
    pub being_written: &'static CStr,
    /// Whether it stays when it was read, and is read after a crash too.
    pub outlives_crashes: bool,
    /// Takes it up. The memory that it belongs to is new, and no other process uses it.
    pub load: fn(Reader) -> io::Result<()>,
    /// Writes it.
    pub save: fn() -> io::Result<()>,
}

thread_local! {
    static ALL: RefCell<Vec<&'static Kept>> = const { RefCell::new(Vec::new()) };
}

/// Makes the postmaster keep a file. Called while it loads libraries.
pub fn register(kept: &'static Kept) {
    let is_first = ALL.with_borrow_mut(|all| {
        all.push(kept);
        all.len() == 1
    });
    if is_first {
        array::when_attached(start);
    }
}

/// Runs in the postmaster whenever the shared memory is new.
fn start() {
    // SAFETY: in the postmaster; the callback lives as long as the process.
    unsafe { pg_sys::on_shmem_exit(Some(at_exit), pg_sys::Datum::null()) };
    ALL.with_borrow(|all| all.iter().for_each(|kept| kept.take_up()));
}

#[pg_guard]
unsafe extern "C-unwind" fn at_exit(code: i32, _argument: pg_sys::Datum) {
    // After a crash nothing in shared memory can be trusted.
    if code != 0 {
        return;
    }
    ALL.with_borrow(|all| {
        for kept in all {
            if let Err(why) = is_shut_down().and_then(|is| if is { (kept.save)() } else { Ok(()) }) {
                kept.log_unwritten(&why);
            }
        }
    });
}

/// Whether the databases were shut down, with a shutdown checkpoint. PostgreSQL's own reader of the control file raises
/// when it fails, and the postmaster must not.
fn is_shut_down() -> io::Result<bool> {
    use pg_sys::DBState::{DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY, Type};
    let control = fs::read(CONTROL)?;
    let state = control.get(offset_of!(pg_sys::ControlFileData, state)..).and_then(<[u8]>::first_chunk);
    Ok(state.is_some_and(|state| [DB_SHUTDOWNED, DB_SHUTDOWNED_IN_RECOVERY].contains(&Type::from_ne_bytes(*state))))
}

impl Kept {
    fn take_up(&self) {
        let is_good = if self.outlives_crashes { Ok(true) } else { is_shut_down() };
        let path = path_of(self.path);
        let taken = is_good.and_then(|is| if is { (self.load)(Reader::open(path)?) } else { Ok(()) });
        if let Err(why) = taken.or_else(|why| if why.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(why) }) {
            pgrx::log!("could not read {} of cache_pg from file \"{}\": {why}", self.what, path.display());
        }
        if !self.outlives_crashes {
            drop(fs::remove_file(path));
        }
        drop(fs::remove_file(path_of(self.being_written)));
    }

    /// Logs that the file could not be written.
    pub fn log_unwritten(&self, why: &io::Error) {
        let path = path_of(self.path);
        pgrx::log!("could not write {} of cache_pg to file \"{}\": {why}", self.what, path.display());
    }
}

/// The paths are literals.
fn path_of(path: &'static CStr) -> &'static Path {
    Path::new(path.to_str().unwrap_or_default())
}

/// The error that says why a file is not taken up.
pub fn unfit(why: impl Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

/// The error of a file that is not as it was written.
pub fn damaged() -> io::Error {
    unfit("the file is damaged")
}

/// Reads a file.
pub struct Reader {
    file: BufReader<File>,
    title: String,
    /// How many bytes of the content are left.
    left: u64,
    sum: crc32fast::Hasher,
}

impl Reader {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let (mut file, mut title, mut sum) = (BufReader::new(file), Vec::new(), crc32fast::Hasher::new());
        file.by_ref().take(LONGEST_TITLE).read_until(b'\n', &mut title)?;
        sum.update(&title);
        let left = length.checked_sub((title.len() + SUM) as u64).ok_or_else(damaged)?;
        let title =
            title.strip_suffix(b"\n").and_then(|title| str::from_utf8(title).ok()).ok_or_else(damaged)?.to_owned();
        Ok(Self { file, title, left, sum })
    }

    /// The first line, without its end.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// How many bytes of the content were not read yet.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Reads as many bytes.
    ///
    /// # Errors
    /// There are fewer, or they cannot be read.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<()> {
        self.left = self.left.checked_sub(into.len() as u64).ok_or_else(damaged)?;
        self.file.read_exact(into)?;
        self.sum.update(into);
        Ok(())
    }

    /// Everything was read: compares the checksum. Until then the content is not to be trusted.
    ///
    /// # Errors
    /// The file is damaged.
    pub fn finish(mut self) -> io::Result<()> {
        let mut sum = [0; SUM];
        self.file.read_exact(&mut sum)?;
        if self.left == 0 && self.sum.finalize().to_le_bytes() == sum { Ok(()) } else { Err(damaged()) }
    }
}

/// Writes a file. Dropped before its end, it leaves the old one, and nothing else.
pub struct Writer {
    kept: &'static Kept,
    file: BufWriter<File>,
    sum: crc32fast::Hasher,
}

impl Writer {
    /// Begins a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(kept: &'static Kept, title: &str) -> io::Result<Self> {
        let file = BufWriter::new(File::create(path_of(kept.being_written))?);
        let mut writer = Self { kept, file, sum: crc32fast::Hasher::new() };
        writer.write(title.as_bytes())?;
        writer.write(b"\n")?;
        Ok(writer)
    }

    /// Writes more of the content.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.update(bytes);
        self.file.write_all(bytes)
    }

    /// Has the disk take what was written, so that the end does not wait for all of it at once.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()?;
        // SAFETY: a setting, which is read.
        if unsafe { pg_sys::enableFsync } { self.file.get_ref().sync_data() } else { Ok(()) }
    }

    /// Ends the file, and puts it into the place of the old one.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self) -> io::Result<()> {
        let sum = self.sum.clone().finalize().to_le_bytes();
        self.file.write_all(&sum)?;
        self.file.flush()?;
        let (from, to) = (self.kept.being_written.as_ptr(), self.kept.path.as_ptr());
        // SAFETY: both paths are texts that end with a zero. It logs on a level that raises nothing.
        match unsafe { pg_sys::durable_rename(from, to, pg_sys::DEBUG1 as i32) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // After the rename there is none.
        drop(fs::remove_file(path_of(self.kept.being_written)));
    }
}
