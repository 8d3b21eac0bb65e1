//! Owns the finding of files, and the writing and copying of files that may be in use.
//!
//! Must never write into an existing file: a running server may have it mapped. New content goes to a new file, which
//! is then renamed.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::unistd::User;
use tempfile::NamedTempFile;

/// Writes `content` to `target` with permission bits `mode`, in one step.
///
/// # Errors
/// When the directory of `target` cannot be written to.
pub fn put(content: &[u8], target: &Path, mode: u32) -> Result<()> {
    let put = || -> Result<()> {
        let dir = target.parent().context("it has no parent directory")?;
        let file = NamedTempFile::new_in(dir)?;
        fs::write(file.path(), content)?;
        fs::set_permissions(file.path(), Permissions::from_mode(mode))?;
        file.persist(target)?;
        Ok(())
    };
    put().with_context(|| format!("cannot write {}", target.display()))
}

/// Copies the file `source` to `target` in one step, readable by everyone.
///
/// # Errors
/// When `source` cannot be read or the directory of `target` cannot be written to.
pub fn copy(source: &Path, target: &Path) -> Result<()> {
    let read = || -> Result<_> { Ok((fs::read(source)?, fs::metadata(source)?)) };
    let (content, metadata) = read().with_context(|| format!("cannot read {}", source.display()))?;
    let runs = metadata.permissions().mode() & 0o100 != 0;
    put(&content, target, if runs { 0o755 } else { 0o644 })
}

/// Copies everything below `source` to `target`, readable by everyone. It follows symbolic links and skips dangling
/// ones.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_tree(source: &Path, target: &Path) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("cannot create {}", target.display()))?;
    fs::set_permissions(target, Permissions::from_mode(0o755))?;
    let entries = fs::read_dir(source).with_context(|| format!("cannot read {}", source.display()))?;
    for entry in entries {
        let from = entry?.path();
        let Some(name) = from.file_name() else {
            continue;
        };
        let to = target.join(name);
        match fs::metadata(&from) {
            Ok(found) if found.is_dir() => copy_tree(&from, &to)?,
            Ok(found) if found.is_file() => copy(&from, &to)?,
            _ => {}
        }
    }
    Ok(())
}

/// What is in the directory `dir`, in order; nothing when it cannot be read.
pub fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries
}

/// The name of a file without its directory.
pub fn name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Every file below `dir` whose name ends with `extension`, or with anything when that is empty, in order.
///
/// # Errors
/// When the directory cannot be read.
pub fn under(dir: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(under(&path, extension)?);
        } else if extension.is_empty() || path.extension().is_some_and(|found| found == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Makes `user` the owner of one file or directory; `None` changes nothing.
///
/// # Errors
/// When the caller lacks the permission.
pub fn set_owner(path: &Path, user: Option<&User>) -> Result<()> {
    let Some(user) = user else { return Ok(()) };
    chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw()))
        .with_context(|| format!("cannot change the owner of {} to {}", path.display(), user.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_copied_with_its_modes_and_without_dangling_links() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        fs::create_dir_all(from.join("bin")).unwrap();
        fs::write(from.join("bin/tool"), "x").unwrap();
        fs::set_permissions(from.join("bin/tool"), Permissions::from_mode(0o700)).unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("dangling")).unwrap();
        std::os::unix::fs::symlink("bin/tool", from.join("link")).unwrap();
        copy_tree(&from, &to).unwrap();
        let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode("bin/tool"), 0o755);
        assert!(!fs::symlink_metadata(to.join("link")).unwrap().is_symlink());
        assert!(!to.join("dangling").exists());
    }

    #[test]
    fn putting_a_file_leaves_the_old_one_to_its_readers() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("library");
        put(b"old", &target, 0o644).unwrap();
        let reader = dir.path().join("reader");
        fs::hard_link(&target, &reader).unwrap();
        put(b"new", &target, 0o755).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"new");
        assert_eq!(fs::read(&reader).unwrap(), b"old");
    }
}
