//! Owns the package of Debian: which files it has, where they are, and the file that holds it.
//!
//! Must never run as another user or install anything: dpkg-deb needs no privilege. Two calls with the same library
//! give the same bytes.

mod control;
mod crates;
mod library;
mod licences;
mod needs;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};

use self::control::Facts;
use super::{build::Package, epoch};
use crate::{files, paths, postgres::Installation, process};

/// Makes `postgresql-NN-cache-pg_VERSION-1_ARCHITECTURE.deb` in the directory `into`, and returns its path. It has the
/// layout of Debian's PostgreSQL, wherever `installation` has its files.
///
/// # Errors
/// When a program of Debian is missing, the library needs a package that is not known here, or a crate has an unknown
/// licence.
pub fn make(package: &Package, installation: &Installation, into: &Path) -> Result<PathBuf> {
    let time = epoch::of_sources()?;
    fs::create_dir_all(into).with_context(|| format!("cannot create {}", into.display()))?;
    let scratch = tempfile::tempdir_in(into)?;
    let root = scratch.path().join("root");
    let (libdir, sharedir) = layout(installation);

    let library = library::without_names(&package.library, scratch.path())?;
    let needs = needs::packages(&library)?;
    put(&root, &libdir.join("cache_pg.so"), &library)?;
    for script in &package.scripts {
        put(&root, &sharedir.join("extension").join(files::name(script)), &fs::read(script)?)?;
    }
    let architecture = process::output(Command::new("dpkg").arg("--print-architecture"))?;
    let (major, version) = (package.major, package.version.clone());
    let mut facts = Facts { major, version, architecture, needs, installed_size: 0 };
    let doc = Path::new("usr/share/doc").join(facts.package());
    put(&root, &doc.join("copyright"), licences::copyright(major)?.as_bytes())?;
    put(&root, &doc.join("README.Debian"), facts.readme().as_bytes())?;
    let changes = fs::read(paths::project().join("CHANGELOG.md"))?;
    put_compressed(&root, &doc.join("changelog"), &changes)?;
    put_compressed(&root, &doc.join("changelog.Debian"), facts.changelog(time)?.as_bytes())?;

    let listed = files::under(&root, "")?;
    facts.installed_size = listed.iter().map(|file| Ok(fs::metadata(file)?.len().div_ceil(1024))).sum::<Result<_>>()?;
    put(&root, Path::new("DEBIAN/control"), facts.control().as_bytes())?;
    put(&root, Path::new("DEBIAN/md5sums"), sums(&root, &listed)?.as_bytes())?;
    settle(&root, UNIX_EPOCH + Duration::from_secs(time))?;
    let target = into.join(facts.file());
    let made = scratch.path().join(facts.file());
    // One thread and one compression, because the bytes depend on both. No time is later than that of the sources.
    let mut command = Command::new("dpkg-deb");
    command.args(["--root-owner-group", "--threads-max=1", "-Zxz", "-z6", "--build"]).arg(&root).arg(&made);
    process::output(command.env(epoch::VARIABLE, time.to_string()).env("LC_ALL", "C"))?;
    fs::set_permissions(&made, Permissions::from_mode(0o644))?;
    fs::rename(&made, &target)?;
    Ok(target)
}

/// The files of a package, as its name says, its size in bytes, and one line for each file and directory.
///
/// # Errors
/// When it is no package.
pub fn describe(deb: &Path) -> Result<String> {
    let listed = process::output(Command::new("dpkg-deb").arg("--contents").arg(deb))?;
    Ok(format!("{}: {} bytes\n{listed}", files::name(deb), fs::metadata(deb)?.len()))
}

/// Where Debian's PostgreSQL has its libraries and its data, relative to the root: what `pg_config` says, without the
/// directory that the packages were unpacked in. Other installations have other folders, which no package uses.
fn layout(installation: &Installation) -> (PathBuf, PathBuf) {
    let major = installation.major.to_string();
    let debian = |below: &str| Path::new("usr").join(below).join("postgresql").join(&major);
    let bindir = debian("lib").join("bin");
    let root = installation.bindir.ancestors().find(|root| installation.bindir == root.join(&bindir));
    let below = |dir: &Path| Some(dir.strip_prefix(root?).ok()?.to_owned());
    let libdir = below(&installation.pkglibdir).unwrap_or_else(|| debian("lib").join("lib"));
    (libdir, below(&installation.sharedir).unwrap_or_else(|| debian("share")))
}

/// Writes a file below `root`, readable by everyone.
fn put(root: &Path, file: &Path, content: &[u8]) -> Result<()> {
    let file = root.join(file);
    fs::create_dir_all(file.parent().context("it has no parent directory")?)?;
    files::put(content, &file, 0o644)
}

/// Writes a file with gzip, which notes neither its name nor a time.
fn put_compressed(root: &Path, file: &Path, content: &[u8]) -> Result<()> {
    put(root, file, content)?;
    let file = root.join(file);
    process::output(Command::new("gzip").args(["--best", "--no-name"]).arg(&file))?;
    fs::set_permissions(file.with_file_name(files::name(&file) + ".gz"), Permissions::from_mode(0o644))?;
    Ok(())
}

/// The checksums of all files, as dpkg stores them.
fn sums(root: &Path, listed: &[PathBuf]) -> Result<String> {
    let relative: Vec<_> = listed.iter().filter_map(|file| file.strip_prefix(root).ok()).collect();
    Ok(process::output(Command::new("md5sum").args(relative).current_dir(root))? + "\n")
}

/// Gives everything below `dir` the time of the sources. Every user may enter each directory, whatever the umask is.
fn settle(dir: &Path, time: SystemTime) -> Result<()> {
    for entry in files::entries(dir) {
        match entry.is_dir() {
            true => settle(&entry, time)?,
            false => fs::File::open(entry)?.set_modified(time)?,
        }
    }
    fs::set_permissions(dir, Permissions::from_mode(0o755))?;
    Ok(fs::File::open(dir)?.set_modified(time)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An installation whose parts are in these directories.
    fn installation(bindir: &str, pkglibdir: &str, sharedir: &str) -> Installation {
        Installation {
            major: 18,
            version: "18.6".into(),
            bindir: bindir.into(),
            pg_config: Path::new(bindir).join("pg_config"),
            pkglibdir: pkglibdir.into(),
            sharedir: sharedir.into(),
            includedir_server: PathBuf::new(),
            pg_regress: None,
            pg_isolation_regress: None,
            has_assertions: false,
        }
    }

    fn debian(root: &str) -> Installation {
        let lib = format!("{root}/usr/lib/postgresql/18");
        installation(&format!("{lib}/bin"), &format!("{lib}/lib"), &format!("{root}/usr/share/postgresql/18"))
    }

    /// A package of a small library, whose scripts are in `dir`.
    fn package(dir: &Path) -> Package {
        let library = library::tests::example(dir);
        let scripts = ["cache_pg.control", "cache_pg--0.1.0.sql"].map(|name| dir.join(name));
        scripts.iter().for_each(|script| fs::write(script, "-- text").unwrap());
        Package { major: 18, version: "0.1.0".into(), library, scripts: scripts.to_vec() }
    }

    #[test]
    fn a_package_has_the_layout_of_debian_wherever_its_postgresql_is() {
        let usual = (PathBuf::from("usr/lib/postgresql/18/lib"), PathBuf::from("usr/share/postgresql/18"));
        assert_eq!(layout(&debian("")), usual);
        assert_eq!(layout(&debian("/var/cache/copies/18")), usual);
        assert_eq!(layout(&installation("/wheel/bin", "/wheel/lib/postgresql", "/wheel/share")), usual);
        let said = installation("/unpacked/usr/lib/postgresql/18/bin", "/unpacked/usr/lib/x", "/unpacked/usr/share/y");
        assert_eq!(layout(&said), ("usr/lib/x".into(), "usr/share/y".into()));
    }

    /// Other systems cannot make the package.
    fn is_debian() -> bool {
        process::which("dpkg-deb").is_some()
    }

    #[test]
    fn two_packages_of_the_same_library_have_the_same_bytes() {
        if !is_debian() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let package = package(dir.path());
        let made = ["one", "two"].map(|into| make(&package, &debian(""), &dir.path().join(into)).unwrap());
        let [one, two] = made.each_ref().map(|file| fs::read(file).unwrap());
        assert!(one == two, "{} and {} differ", made[0].display(), made[1].display());

        let contents = describe(&made[0]).unwrap();
        let architecture = made[0].display().to_string();
        assert!(architecture.contains("/postgresql-18-cache-pg_0.1.0-1_"), "{architecture}");
        for file in [
            "./usr/lib/postgresql/18/lib/cache_pg.so",
            "./usr/share/postgresql/18/extension/cache_pg.control",
            "./usr/share/postgresql/18/extension/cache_pg--0.1.0.sql",
            "./usr/share/doc/postgresql-18-cache-pg/copyright",
            "./usr/share/doc/postgresql-18-cache-pg/README.Debian",
            "./usr/share/doc/postgresql-18-cache-pg/changelog.gz",
            "./usr/share/doc/postgresql-18-cache-pg/changelog.Debian.gz",
        ] {
            let line = contents.lines().find(|line| line.ends_with(file));
            assert!(line.is_some_and(|line| line.starts_with("-rw-r--r-- root/root ")), "{file}\n{contents}");
        }
        let files = contents.lines().filter(|line| line.starts_with('-')).count();
        assert_eq!(files, 7, "{contents}");
        // The two were made in the same second, which must not be why they are the same.
        let time = epoch::of_sources().unwrap();
        let shown = process::output(Command::new("date").args(["+ %F %R ", &format!("--date=@{time}")])).unwrap();
        assert_eq!(contents.lines().skip(1).find(|line| !line.contains(&shown)), None);
        let root = dir.path().join("root");
        process::output(Command::new("dpkg-deb").arg("--extract").args([&made[0], &root])).unwrap();
        for compressed in files::under(&root, "gz").unwrap() {
            // Flags without a name, and no time.
            assert_eq!(fs::read(compressed).unwrap()[3..8], [0; 5]);
        }
        let strange = |line: &&str| line.starts_with('d') && !line.starts_with("drwxr-xr-x root/root ");
        assert_eq!(contents.lines().find(strange), None);
    }

    #[test]
    fn its_checksums_are_those_of_its_files() {
        if !is_debian() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let deb = make(&package(dir.path()), &debian(""), dir.path()).unwrap();
        let (root, control) = (dir.path().join("root"), dir.path().join("control"));
        process::output(Command::new("dpkg-deb").arg("--extract").args([&deb, &root])).unwrap();
        process::output(Command::new("dpkg-deb").arg("--control").args([&deb, &control])).unwrap();
        let mut check = Command::new("md5sum");
        let checked =
            process::output(check.args(["--check", "--strict"]).arg(control.join("md5sums")).current_dir(&root));
        assert_eq!(checked.unwrap().lines().filter(|line| line.ends_with(": OK")).count(), 7);
    }
}
