//! Owns PostgreSQL from the packages of other Debian releases, unpacked beside their own C library: nothing of it is
//! installed, and root is not needed.
//!
//! Must never leave an incomplete one where it is looked for.

use std::path::Path;
use std::{fs, process::Command};

use anyhow::{Context, Result, bail, ensure};

use super::{installation::Installation, private};
use crate::prerequisites::{archive, archive::Archive, relocation};
use crate::{paths, process};

/// The releases that have a major.
const RELEASES: [(u16, &[&str]); 2] =
    [(17, &["trixie", "trixie-updates", "trixie-security"]), (19, &["sid", "experimental"])];

/// The packages of PostgreSQL, of which the newest version that a release has is taken.
const NEWEST: &str = "postgresql-* libpq5";

/// Libraries that are not taken, by the start of their names: those of the compiler of queries, which is left out for
/// its size, and of Debian's scripts in Perl.
const UNUSED: [&str; 3] = ["libllvm", "libz3", "libperl"];

/// The PostgreSQL of this major, fetched now unless it is in the tool's home.
///
/// # Errors
/// When no release has it today, or it does not run here.
pub fn provide(major: u16) -> Result<Installation> {
    let Some((_, suites)) = RELEASES.into_iter().find(|(known, _)| *known == major) else {
        bail!("PostgreSQL {major} is not installed with its server headers; set PG_CONFIG to its pg_config");
    };
    let parent = paths::home()?.join("postgres");
    fs::create_dir_all(&parent)?;
    let lock = fs::File::create(parent.join(format!("debian-{major}.lock")))?;
    lock.lock().context("cannot wait for another download")?;
    let root = parent.join(format!("debian-{major}"));
    let ready = || {
        let found = private::check(Installation::at(&root.join(bin(major)).join("pg_config"))?)?;
        ensure!(found.major == major, "{} is PostgreSQL {}", root.display(), found.version);
        Ok(found)
    };
    if let Ok(installation) = ready() {
        return Ok(installation);
    }
    println!("fetching PostgreSQL {major} from Debian's {}", suites[0]);
    // An interrupted download may have left it.
    let partial = parent.join(format!("debian-{major}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial)?;
    }
    fs::create_dir(&partial)?;
    let scratch = tempfile::tempdir_in(&partial)?;
    let unpacked = scratch.path().join("unpacked");
    fetch(major, suites, scratch.path(), &unpacked)?;
    let tests = ["regress", "isolation"].map(|test| pgxs(major).replace("@test", test));
    let programs = [bin(major)].into_iter().chain(tests).map(|dir| unpacked.join(dir)).collect::<Vec<_>>();
    relocation::relocate(&unpacked, &root, &programs)?;
    process::output(Command::new("chmod").args(["-R", "a+rX"]).arg(&unpacked))?;
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    fs::rename(&unpacked, &root).with_context(|| format!("cannot create {}", root.display()))?;
    fs::remove_dir_all(&partial)?;
    ready()
}

fn bin(major: u16) -> String {
    format!("usr/lib/postgresql/{major}/bin")
}

/// The directory of one of the test drivers, `@test`.
fn pgxs(major: u16) -> String {
    format!("usr/lib/postgresql/{major}/lib/pgxs/src/test/@test")
}

/// Downloads the server, its headers and test drivers, and the libraries that they need, to `target`.
fn fetch(major: u16, suites: &[&str], scratch: &Path, target: &Path) -> Result<()> {
    let archive = Archive::open(&scratch.join("apt"), "deb", suites, NEWEST)?;
    let server = format!("postgresql-{major}");
    let mut packages = taken(&archive.plan(&server)?);
    let version = packages.iter().find(|package| package.name == server).map(|package| package.version.clone());
    // Its headers need a compiler of its release; not here.
    let headers =
        archive::Package { name: format!("postgresql-server-dev-{major}"), version: version.unwrap_or_default() };
    packages.push(headers);
    archive.unpack(&packages, target)?;
    let compiler = target.join(format!("usr/lib/postgresql/{major}/lib/llvmjit.so"));
    // Where it is missing, the server runs queries without it.
    if compiler.exists() { fs::remove_file(compiler).map_err(Into::into) } else { Ok(()) }
}

/// The packages of PostgreSQL itself and of libraries, out of all that its installation needs.
fn taken(planned: &[archive::Package]) -> Vec<archive::Package> {
    let is_taken = |name: &str| {
        let is_library = name.starts_with("lib") || name == "zlib1g";
        let is_unused = UNUSED.iter().any(|start| name.starts_with(start)) || name.ends_with("-perl");
        let is_common = name.starts_with("postgresql-common") || name.ends_with("-common");
        is_library && !is_unused || name.starts_with("postgresql-") && !is_common
    };
    planned.iter().filter(|package| is_taken(&package.name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_and_the_server_are_taken_and_nothing_else() {
        let names = "libc6 perl-base postgresql-common postgresql-common-dev libperl5.40 libjson-perl zlib1g \
             postgresql-client-common locales libllvm19 libz3-4 libpq5 postgresql-client-17 postgresql-17 systemd";
        let package = |name: &str| archive::Package { name: name.to_owned(), version: "1".into() };
        let planned: Vec<_> = names.split_whitespace().map(package).collect();
        let taken: Vec<_> = taken(&planned).into_iter().map(|package| package.name).collect();
        assert_eq!(taken, ["libc6", "zlib1g", "libpq5", "postgresql-client-17", "postgresql-17"]);
    }

    #[test]
    fn a_major_that_no_release_has_is_refused() {
        assert!(provide(14).unwrap_err().to_string().contains("set PG_CONFIG"));
    }
}
