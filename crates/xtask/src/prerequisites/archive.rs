//! Owns the reading of Debian's archive of packages: any release, with an apt whose state is in one directory.
//!
//! Must never change the system's own apt, nor use a package that no key of Debian has signed.

use std::path::{Path, PathBuf};
use std::{fs, process::Command};

use anyhow::{Context, Result, anyhow, bail};

use super::apt;
use crate::process;

/// The archive and its security updates, for a system whose own apt does not name a nearer copy.
const ARCHIVE: [&str; 2] = ["http://deb.debian.org/debian", "http://deb.debian.org/debian-security"];
const KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Some releases of Debian, as apt sees them on a system where nothing is installed.
pub struct Archive {
    dir: PathBuf,
    /// Why a list of packages could not be fetched.
    failure: Option<anyhow::Error>,
}

/// A package, and which version of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version, such as `19~rc1-1`.
    pub version: String,
}

impl Archive {
    /// Fetches the lists of `suites` (such as `trixie` or `trixie-security`) into `dir`: of their sources where `kind`
    /// is `deb-src`, else of their binaries. Of the packages whose names match `newest` (such as `postgresql-*`) apt
    /// takes the newest version that any suite has; else it takes none from `experimental`.
    ///
    /// # Errors
    /// When this system has no apt or not the keys of Debian. A suite that cannot be fetched is only an error where
    /// packages turn out to be missing.
    pub fn open(dir: &Path, kind: &str, suites: &[&str], newest: &str) -> Result<Self> {
        if process::which("apt-get").is_none() {
            bail!("this system has no apt-get to fetch it with");
        }
        if !Path::new(KEYS).is_file() {
            apt::install(&["debian-archive-keyring"]).context("the keys of Debian's archive are missing")?;
        }
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(part))?;
        }
        let known = process::output(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]))
            .unwrap_or_default();
        fs::write(dir.join("sources.list"), sources(kind, suites, &mirrors(&known)))?;
        fs::write(dir.join("preferences"), format!("Package: {newest}\nPin: version *\nPin-Priority: 990\n"))?;
        fs::write(dir.join("status"), "")?;
        let mut archive = Self { dir: dir.to_owned(), failure: None };
        let update = ["update", "-qq", "-o", "APT::Update::Error-Mode=any"];
        archive.failure = process::output(archive.command("apt-get").args(update)).err();
        Ok(archive)
    }

    /// A program of apt on these releases, in the directory of the archive.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.dir).env("LC_ALL", "C");
        for (option, value) in [
            ("Dir::Etc::SourceList", "sources.list"),
            ("Dir::Etc::Preferences", "preferences"),
            ("Dir::State::status", "status"),
            ("Dir::State::Lists", "lists"),
            ("Dir::Cache", "cache"),
        ] {
            command.arg("-o").arg(format!("{option}={}", self.dir.join(value).display()));
        }
        command.args(["-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::Etc::PreferencesParts=/dev/null"]);
        // Else apt-get becomes a user who cannot write there.
        command.args(["-o", "APT::Sandbox::User="]);
        command
    }

    /// The packages that apt installs for `package` on a system where nothing is installed.
    ///
    /// # Errors
    /// When the package, or one that it needs, is not served today; the message is one line.
    pub fn plan(&self, package: &str) -> Result<Vec<Package>> {
        let simulate = ["install", "--simulate", "--no-install-recommends", package];
        let plan = process::output(self.command("apt-get").args(simulate));
        plan.map(|printed| planned(&printed)).map_err(|error| {
            let error = self.failure.as_ref().unwrap_or(&error);
            anyhow!("Debian's archive does not serve {package} today: {}", reason(&format!("{error:#}")))
        })
    }

    /// Downloads `packages` and unpacks them to the directory `target`.
    ///
    /// # Errors
    /// When one cannot be downloaded, or this machine cannot unpack it.
    pub fn unpack(&self, packages: &[Package], target: &Path) -> Result<()> {
        let files = self.dir.join("files");
        fs::create_dir_all(&files)?;
        let exact = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        process::output(self.command("apt-get").args(["download", "-qq"]).args(exact).current_dir(&files))
            .map_err(|error| anyhow!("cannot download from Debian's archive: {}", reason(&format!("{error:#}"))))?;
        for file in fs::read_dir(&files)? {
            process::output(Command::new("dpkg-deb").arg("--extract").arg(file?.path()).arg(target))?;
        }
        fs::remove_dir_all(files).map_err(Into::into)
    }
}

/// The copies of the archive and of its security updates that the system uses, from the addresses in its lists.
fn mirrors(addresses: &str) -> [String; 2] {
    let named = |name: &str| addresses.lines().map(|line| line.trim_end_matches('/')).find(|line| line.ends_with(name));
    ["/debian", "/debian-security"].map(|name| {
        let usual = if name == "/debian" { ARCHIVE[0] } else { ARCHIVE[1] };
        named(name).unwrap_or(usual).to_owned()
    })
}

/// The lines of apt's list of sources. The Release file of `experimental` may be past its date.
fn sources(kind: &str, suites: &[&str], [archive, security]: &[String; 2]) -> String {
    let target = if kind == "deb" { "target=Packages " } else { "" };
    let line = |suite: &&str| {
        let mirror = if suite.ends_with("-security") { security } else { archive };
        format!("{kind} [{target}check-valid-until=no signed-by={KEYS}] {mirror} {suite} main\n")
    };
    suites.iter().map(line).collect()
}

/// The packages in the output of `apt-get install --simulate`.
fn planned(printed: &str) -> Vec<Package> {
    let package = |line: &str| {
        let mut words = line.strip_prefix("Inst ")?.split(' ');
        let name = words.next()?.to_owned();
        let version = words.find_map(|word| word.strip_prefix('('))?.to_owned();
        Some(Package { name, version })
    };
    printed.lines().filter_map(package).collect()
}

/// The line that matters of what apt-get says when it fails.
fn reason(said: &str) -> &str {
    let unmet = said.lines().skip_while(|line| !line.contains("unmet dependencies")).nth(1);
    let error = || said.lines().find_map(|line| line.strip_prefix("E: "));
    unmet.or_else(error).or_else(|| said.lines().next()).unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_read_as_apt_prints_them() {
        let printed = "Reading package lists...\nInst libc6 (2.43-7 Debian:unstable [amd64])\n\
             Inst libpq5 [15.20-0] (19~rc1-1 Debian:experimental [amd64]) []\nConf libc6 (2.43-7 Debian:unstable [amd64])\n";
        let package = |name: &str, version: &str| Package { name: name.into(), version: version.into() };
        assert_eq!(planned(printed), [package("libc6", "2.43-7"), package("libpq5", "19~rc1-1")]);
    }

    #[test]
    fn the_copies_that_the_system_uses_are_used() {
        let known = "https://deb.nodesource.com/node_20.x/\nhttp://near/debian/\nhttp://near/debian-security/\n";
        assert_eq!(mirrors(known), ["http://near/debian", "http://near/debian-security"]);
        assert_eq!(mirrors("http://archive.ubuntu.com/ubuntu/\n"), ARCHIVE);
    }

    #[test]
    fn every_source_is_signed_and_security_has_its_own_archive() {
        let text = sources("deb", &["trixie", "trixie-security"], &ARCHIVE.map(str::to_owned));
        let lines: Vec<_> = text.lines().collect();
        assert!(lines.iter().all(|line| line.starts_with("deb [") && line.contains(KEYS)), "{text}");
        assert!(lines[0].ends_with("http://deb.debian.org/debian trixie main"), "{text}");
        assert!(lines[1].ends_with("http://deb.debian.org/debian-security trixie-security main"), "{text}");
    }

    #[test]
    fn a_failure_of_apt_is_told_in_one_line() {
        let absent =
            "apt-get install failed: exit status: 100\nReading package lists...\nE: Unable to locate package x";
        assert_eq!(reason(absent), "Unable to locate package x");
        let unmet = "apt-get install failed: exit status: 100\nThe following packages have unmet dependencies:\n \
             postgresql-client-19 : Depends: libpq5 (>= 19~rc1)\nE: Unable to correct problems";
        assert_eq!(reason(unmet), "postgresql-client-19 : Depends: libpq5 (>= 19~rc1)");
        assert_eq!(reason("cannot run apt-get"), "cannot run apt-get");
    }
}
