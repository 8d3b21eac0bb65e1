//! Owns the texts of a package of Debian: its control file, its changelog and its README.
//!
//! Must never hold a version of its own: the extension's is in `Cargo.toml`.

use anyhow::Result;

use super::super::epoch;

const CONTROL: &str = include_str!("../../../../../packaging/debian/control");
const README: &str = include_str!("../../../../../packaging/debian/README.Debian");
const MAINTAINER: &str = "cache_pg contributors <cache_pg@users.noreply.github.com>";

/// The facts about one package that the texts have.
pub(super) struct Facts {
    /// The major version of PostgreSQL.
    pub major: u16,
    /// The version of the extension.
    pub version: String,
    /// Debian's name of the architecture, such as `amd64`.
    pub architecture: String,
    /// The packages that the library needs besides PostgreSQL.
    pub needs: Vec<String>,
    /// The size of its files in units of 1024 bytes.
    pub installed_size: u64,
}

impl Facts {
    /// The name of the package.
    pub fn package(&self) -> String {
        format!("postgresql-{}-cache-pg", self.major)
    }

    /// The version of the package: the first that is made of this version of the extension. `0.2.0-rc.1` sorts before
    /// `0.2.0`.
    pub fn debian_version(&self) -> String {
        format!("{}-1", self.version.replacen('-', "~", 1))
    }

    /// The name of the file that holds the package.
    pub fn file(&self) -> String {
        format!("{}_{}_{}.deb", self.package(), self.debian_version(), self.architecture)
    }

    /// The control file.
    pub fn control(&self) -> String {
        let mut depends = self.needs.clone();
        depends.push(format!("postgresql-{}", self.major));
        CONTROL
            .replace("@PACKAGE@", &self.package())
            .replace("@VERSION@", &self.debian_version())
            .replace("@ARCHITECTURE@", &self.architecture)
            .replace("@INSTALLED_SIZE@", &self.installed_size.to_string())
            .replace("@DEPENDS@", &depends.join(", "))
            .replace("@MAJOR@", &self.major.to_string())
    }

    /// The README for users of the package.
    pub fn readme(&self) -> String {
        README.replace("@MAJOR@", &self.major.to_string())
    }

    /// Debian's changelog, which knows this package only: `CHANGELOG.md` says what has changed in the extension.
    ///
    /// # Errors
    /// When `time`, in seconds since 1970, cannot be shown.
    pub fn changelog(&self, time: u64) -> Result<String> {
        let (package, version) = (self.package(), self.debian_version());
        let time = epoch::shown(time)?;
        Ok(format!(
            "{package} ({version}) unstable; urgency=medium\n\n  * Release {} of cache_pg. changelog.gz says what is \
             new.\n\n -- {MAINTAINER}  {time}\n",
            self.version
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(version: &str) -> Facts {
        let needs = vec!["libc6 (>= 2.34)".to_owned(), "libgcc-s1 (>= 4.2)".to_owned()];
        Facts { major: 18, version: version.to_owned(), architecture: "amd64".to_owned(), needs, installed_size: 7 }
    }

    #[test]
    fn the_control_file_names_what_the_library_needs() {
        let control = facts("0.1.0").control();
        for line in [
            "Package: postgresql-18-cache-pg",
            "Version: 0.1.0-1",
            "Architecture: amd64",
            "Installed-Size: 7",
            "Depends: libc6 (>= 2.34), libgcc-s1 (>= 4.2), postgresql-18",
            "Description: cache inside PostgreSQL 18",
            &format!("Maintainer: {MAINTAINER}"),
        ] {
            assert!(control.lines().any(|it| it == line), "{line}\n{control}");
        }
        assert!(!control.contains('@') || control.matches('@').count() == MAINTAINER.matches('@').count(), "{control}");
    }

    #[test]
    fn a_version_before_a_release_sorts_before_it() {
        assert_eq!(facts("0.2.0-rc.1").file(), "postgresql-18-cache-pg_0.2.0~rc.1-1_amd64.deb");
    }

    #[test]
    fn the_changelog_has_the_form_that_debian_reads() {
        let changelog = facts("0.1.0").changelog(0).unwrap();
        assert!(changelog.starts_with("postgresql-18-cache-pg (0.1.0-1) unstable; urgency=medium\n\n  * "));
        assert!(changelog.ends_with(&format!("\n -- {MAINTAINER}  Thu, 01 Jan 1970 00:00:00 +0000\n")), "{changelog}");
    }
}
