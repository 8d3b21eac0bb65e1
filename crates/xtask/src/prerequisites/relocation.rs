//! Owns the moving of programs with their own C library: programs of a newer Debian run on an older one with it.
//!
//! Must never touch a file outside of the directory that is moved.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};

use super::unpacked;
use crate::{files, process};

/// Makes the programs in the directories `dirs` below `root` use the libraries below `root`, once that is at `target`.
/// Paths of libraries are absolute in programs, so they do not work before, nor anywhere else.
///
/// # Errors
/// When `root` has no C library, or patchelf is not available.
pub fn relocate(root: &Path, target: &Path, dirs: &[PathBuf]) -> Result<()> {
    let moved = |path: &Path| target.join(path.strip_prefix(root).unwrap_or(path));
    let libraries: Vec<_> = libraries(root).into_iter().filter(|dir| dir.is_dir()).collect();
    let loader = libraries.iter().flat_map(|dir| files::entries(dir)).find(|file| is_loader(&files::name(file)));
    let loader = loader.with_context(|| format!("{} has no C library", root.display()))?;
    let path = std::env::join_paths(libraries.iter().map(|dir| moved(dir)))?;
    let programs = dirs.iter().flat_map(|dir| files::entries(dir)).filter(|file| is_program(file));
    let mut patchelf = unpacked::program("patchelf", "patchelf").map_err(|absent| anyhow!("{}", absent.why))?;
    // The old kind of path: it holds for the libraries that a library needs too.
    patchelf.arg("--set-interpreter").arg(moved(&loader)).arg("--force-rpath").arg("--set-rpath").arg(path);
    process::output(patchelf.args(programs)).map(drop)
}

/// Where Debian's packages have libraries, below `root`.
fn libraries(root: &Path) -> Vec<PathBuf> {
    let triplet = format!("{}-linux-gnu", std::env::consts::ARCH);
    ["usr/lib", "lib"].map(|lib| [root.join(lib).join(&triplet), root.join(lib)]).concat()
}

/// The loader of programs: `ld-linux-x86-64.so.2` and the like.
fn is_loader(name: &str) -> bool {
    name.starts_with("ld-linux") && name.contains(".so.")
}

/// Whether a file is a compiled program: not a script, nor a library.
fn is_program(file: &Path) -> bool {
    let mut start = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start == *b"\x7fELF" && !files::name(file).contains(".so")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_compiled_programs_are_patched() {
        let dir = tempfile::tempdir().unwrap();
        let is_program = |name: &str, content: &[u8]| {
            fs::write(dir.path().join(name), content).unwrap();
            is_program(&dir.path().join(name))
        };
        assert!(is_program("postgres", b"\x7fELF and more"));
        assert!(!is_program("regress.so", b"\x7fELF and more"));
        assert!(!is_program("pgindent", b"#!/usr/bin/perl"));
        assert!(!is_program("empty", b""));
        assert!(!super::is_program(dir.path()));
    }

    #[test]
    fn a_directory_without_a_c_library_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("usr/lib")).unwrap();
        fs::write(dir.path().join("usr/lib/libc.so.6"), "").unwrap();
        let error = relocate(dir.path(), Path::new("/elsewhere"), &[]).unwrap_err().to_string();
        assert!(error.contains("has no C library"), "{error}");
    }

    #[test]
    fn the_loader_is_known_by_its_name() {
        assert!(is_loader("ld-linux-x86-64.so.2") && is_loader("ld-linux-aarch64.so.1"));
        assert!(!is_loader("libdl.so.2"));
    }
}
