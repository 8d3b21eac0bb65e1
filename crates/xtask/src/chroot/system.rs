//! Owns the archive of a clean Debian 12 with some packages, of which every test gets a copy.
//!
//! Must never put anything into it that Debian does not.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fmt, fs};

use anyhow::{Context, Result, bail};

use crate::prerequisites::apt;
use crate::{files, output, paths, process};

/// The release of Debian that packages are built and tested on.
const RELEASE: &str = "bookworm";

/// The major of PostgreSQL that this release has.
pub const DEBIANS_MAJOR: u16 = 15;

/// Runs a command whose temporary files are in memory: a disk takes minutes for them, and nothing is left of a command
/// that is killed.
const IN_MEMORY: &str = "mount -t tmpfs -o mode=1777 system /tmp && exec \"$@\"";

/// Why this machine cannot have such a system.
#[derive(Debug)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The archive of a system.
#[derive(Debug)]
pub struct System {
    pub(super) archive: PathBuf,
}

/// A clean Debian 12 with `package`, in the newest version that this machine's apt knows. It is made once for each
/// version, which takes a minute or two, and kept in the tool's home.
///
/// # Errors
/// [`Unavailable`] on another system than Debian 12 and for a user that cannot become root; any other error when
/// packages cannot be had.
pub fn debian(package: &str) -> Result<System> {
    if release(&fs::read_to_string("/etc/os-release").unwrap_or_default()).as_deref() != Some(RELEASE) {
        bail!(Unavailable("packages are tested on Debian 12, and this is another system".to_owned()));
    }
    if !apt::usable() {
        bail!(Unavailable("it needs root, and this user is not and has no sudo without a password".to_owned()));
    }
    apt::find(package)?;
    let shown = process::output(Command::new("apt-cache").args(["show", "--no-all-versions", package]))?;
    let version = shown.lines().find_map(|line| line.strip_prefix("Version: ")).context("apt shows no version")?;
    let all = paths::home()?.join("systems");
    fs::create_dir_all(&all)?;
    let name = format!("{RELEASE}-{package}_");
    let archive = all.join(format!("{name}{}.tar", version.replace(':', "-")));
    let lock = fs::File::create(all.join("lock"))?;
    lock.lock().with_context(|| format!("cannot lock {}", all.display()))?;
    if !archive.is_file() {
        make(package, &archive)?;
    }
    for other in files::entries(&all) {
        if other != archive && files::name(&other).starts_with(&name) {
            fs::remove_file(&other).with_context(|| format!("cannot remove {}", other.display()))?;
        }
    }
    Ok(System { archive })
}

fn make(package: &str, archive: &Path) -> Result<()> {
    if process::which("mmdebstrap").is_none() {
        apt::install(&["mmdebstrap"])?;
    }
    output::line(&format!("making a clean Debian with {package}: {}", archive.display()));
    let unfinished = archive.with_extension("unfinished");
    let mut command = apt::as_root("unshare");
    command
        .args(["--mount", "sh", "-euc", IN_MEMORY, "make", "mmdebstrap"])
        .args(["--quiet", "--mode=root", "--variant=apt", "--format=tar"])
        .args(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\""])
        .arg("--dpkgopt=force-unsafe-io")
        .arg(format!("--include={package}"))
        .args([RELEASE, "-"])
        .env("TMPDIR", "/tmp")
        .stdout(fs::File::create(&unfinished)?);
    process::output(&mut command)?;
    fs::rename(&unfinished, archive).with_context(|| format!("cannot write {}", archive.display()))
}

/// The code name of the release that `text`, an os-release file of Debian, is of.
fn release(text: &str) -> Option<String> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    (value("ID")? == "debian").then(|| value("VERSION_CODENAME").map(str::to_owned))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_debian_has_a_release_of_debian() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(release(text).as_deref(), Some("bookworm"));
        assert_eq!(release(&text.replace("ID=debian", "ID=ubuntu\nID_LIKE=debian")), None);
        assert_eq!(release(""), None);
    }
}
