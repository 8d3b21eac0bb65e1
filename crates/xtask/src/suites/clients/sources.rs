//! Owns the copying of the sources of a package.
//!
//! Must never copy what is built or fetched: the package must come about without it.

use std::{fs, path::Path};

use anyhow::{Result, ensure};

use crate::files;

/// The directories that a maker of the packages has beside their sources, as well as hidden ones.
const BUILT: [&str; 4] = ["node_modules", "dist", "build", "__pycache__"];

/// Copies the directory `source`, without what is built in it, to `target`.
///
/// # Errors
/// When there is no such directory, or something cannot be copied.
pub fn copy(source: &Path, target: &Path) -> Result<()> {
    ensure!(source.is_dir(), "there is no {}", source.display());
    fs::create_dir_all(target)?;
    for entry in files::entries(source) {
        let name = files::name(&entry);
        let to = target.join(&name);
        if !entry.is_dir() {
            files::copy(&entry, &to)?;
        } else if !name.starts_with('.') && !BUILT.contains(&&*name) {
            copy(&entry, &to)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_not_copied() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        for file in ["src/key.ts", ".venv/x", "node_modules/pg/index.js", "test/node_modules/x.js", "test/.npmrc"] {
            let file = from.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        copy(&from, &to).unwrap();
        let copied = files::under(&to, "").unwrap();
        assert_eq!(copied, [to.join("src/key.ts"), to.join("test/.npmrc")]);
        assert!(copy(&dir.path().join("absent"), &to).is_err());
    }
}
