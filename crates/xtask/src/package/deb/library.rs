//! Owns the library as packages have it: without the names that only a debugger reads.
//!
//! Must never lose the section with the extension's SQL.

use std::path::Path;
use std::{fs, process::Command};

use anyhow::{Context, Result, bail};
use object::{Object, ObjectSection};
use pgrx_sql_entity_graph::section::is_schema_section_name;

use crate::{files, process};

/// The content of `library` without local symbols and debug information. `scratch` is a directory for its copy.
///
/// # Errors
/// When there is no `strip`, which comes with a C compiler, or it has removed the SQL.
pub(super) fn without_names(library: &Path, scratch: &Path) -> Result<Vec<u8>> {
    let content = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    let copy = scratch.join("stripped");
    files::put(&content, &copy, 0o644)?;
    process::output(Command::new("strip").args(["--strip-unneeded", "--remove-section=.comment"]).arg(&copy))?;
    let stripped = fs::read(&copy)?;
    fs::remove_file(&copy)?;
    if sql(&content)? != sql(&stripped)? {
        bail!("strip has removed the SQL of the extension from {}", library.display());
    }
    Ok(stripped)
}

/// The section with the SQL, if there is one.
fn sql(library: &[u8]) -> Result<Option<Vec<u8>>> {
    let file = object::File::parse(library).context("the library is not an object file")?;
    let section = file.sections().find(|section| section.name().is_ok_and(is_schema_section_name));
    Ok(section.map(|section| section.data().map(<[u8]>::to_vec)).transpose()?)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A small library with a section of SQL and a local symbol, in `dir`.
    pub(in super::super) fn example(dir: &Path) -> std::path::PathBuf {
        let (source, library) = (dir.join("example.c"), dir.join("example.so"));
        let text = "#include <stdio.h>\n__attribute__((section(\".pgrxsc\"), used)) static const char sql[] = \"SQL\";\n\
                    __attribute__((noinline)) static int local_name(int a) { return puts(sql) + a; }\n\
                    int call(int a) { return local_name(a) + local_name(a + 1); }\n";
        fs::write(&source, text).unwrap();
        let arguments = ["-shared", "-fPIC", "-g", "-O1", "-Wl,--build-id=none", "-o"];
        process::output(Command::new("cc").args(arguments).arg(&library).arg(&source)).unwrap();
        library
    }

    #[test]
    fn names_of_functions_go_and_the_sql_stays() {
        let dir = tempfile::tempdir().unwrap();
        let library = example(dir.path());
        let has = |content: &[u8], word: &str| content.windows(word.len()).any(|it| it == word.as_bytes());
        let before = fs::read(&library).unwrap();
        assert!(has(&before, "local_name"));
        assert_eq!(sql(&before).unwrap().as_deref(), Some(&b"SQL\0"[..]));
        let after = without_names(&library, dir.path()).unwrap();
        assert!(!has(&after, "local_name"));
        assert_eq!(sql(&after).unwrap(), sql(&before).unwrap());
        assert_eq!(fs::read(&library).unwrap(), before, "the library itself has changed");
    }
}
