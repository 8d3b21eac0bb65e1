//! Owns the flags of the compilers that keep the paths of the building machine out of the library, so that two machines
//! build the same bytes.
//!
//! Must never drop a flag of the caller.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{paths, postgres::Installation};

/// The variable that cargo reads the flags from, each ended by a byte that no flag has.
pub(super) const VARIABLE: &str = "CARGO_ENCODED_RUSTFLAGS";
const SEPARATOR: &str = "\u{1f}";

/// The caller's flags, and what each path is to be called: the sources of crates, and what build scripts generate. The
/// sources of this project are relative as they are, and `cargo xtask coverage` finds them by their paths.
///
/// # Errors
/// When neither `CARGO_HOME` nor `HOME` is set.
pub(super) fn encoded() -> Result<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let home = std::path::absolute(home.context("neither CARGO_HOME nor HOME is set")?)?;
    let renamed = [(home.as_path(), "/cargo"), (&paths::extension_target(), "/target")];
    Ok(joined(variable(VARIABLE), variable("RUSTFLAGS"), &renamed))
}

/// The variable with flags for the few functions of pgrx that are in C.
pub(super) const VARIABLE_OF_C: &str = "CFLAGS";

/// The caller's flags for C, and the same for the headers of PostgreSQL, whose macros note where they stand.
pub(super) fn of_c(installation: &Installation) -> String {
    let headers = format!("/usr/include/postgresql/{}/server", installation.major);
    let renamed =
        [(paths::extension_target(), "/target".to_owned()), (installation.includedir_server.clone(), headers)];
    let given = std::env::var(VARIABLE_OF_C).unwrap_or_default();
    let renaming = |(path, name): &(PathBuf, String)| format!(" -ffile-prefix-map={}={name}", path.display());
    given + &renamed.iter().map(renaming).collect::<String>()
}

/// The flags that cargo itself would take from the two variables, and those for the new names of paths.
fn joined(encoded: Option<String>, plain: Option<String>, renamed: &[(&Path, &str)]) -> String {
    let mut flags: Vec<String> = match (encoded, plain) {
        (Some(encoded), _) => encoded.split(SEPARATOR).filter(|flag| !flag.is_empty()).map(str::to_owned).collect(),
        (None, plain) => plain.unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
    };
    flags.extend(renamed.iter().map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display())));
    flags.join(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_caller_stay() {
        let renamed = [(Path::new("/home/ann/.cargo"), "/cargo")];
        let ours = "--remap-path-prefix=/home/ann/.cargo=/cargo";
        assert_eq!(joined(None, None, &renamed), ours);
        assert_eq!(joined(None, Some("-C  debuginfo=1".into()), &renamed), format!("-C\u{1f}debuginfo=1\u{1f}{ours}"));
        let encoded = "--cfg\u{1f}a=\"b c\"".to_owned();
        assert_eq!(joined(Some(encoded.clone()), Some("-g".into()), &renamed), format!("{encoded}\u{1f}{ours}"));
    }

    #[test]
    fn the_home_of_cargo_and_the_target_directory_are_renamed() {
        let flags = encoded().unwrap();
        let target = format!("--remap-path-prefix={}=/target", paths::extension_target().display());
        assert!(flags.ends_with(&target) && flags.contains("=/cargo\u{1f}"), "{flags}");
    }
}
