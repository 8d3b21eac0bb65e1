//! Owns the test of the image for CloudNativePG, whose files PostgreSQL 18 loads from where they are mounted.
//!
//! Must never test with a server that has the extension in its own directories.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::build::{self, Stage};
use super::dockerfile::Variables;
use crate::chroot::{Jail, System};
use crate::cluster::{Cluster, LIFETIME_IN_TESTS};
use crate::postgres::Installation;
use crate::prerequisites::apt;
use crate::{demo, files, output, paths, process};

const DOCKERFILE: &str = "packaging/cloudnative-pg/Dockerfile";
const DATABASE: &str = "app";

/// Builds the image from the package in `context`, packs and unpacks it, and runs a server with it.
pub fn test(system: &System, installation: &Installation, context: &Path) -> Result<()> {
    let arguments = Variables::from([("PG_MAJOR".to_owned(), installation.major.to_string())]);
    let base = |image: &str| {
        ensure!(image.starts_with("debian:"), "there is no stand-in for the image {image}");
        Ok(Stage::System(Jail::start(system)?))
    };
    let built = build::image(&paths::project().join(DOCKERFILE), context, &arguments, &base)?;
    let Stage::Scratch(image) = built else { bail!("{DOCKERFILE} makes more than the files of the extension") };
    check_layout(image.path())?;

    let scratch = tempfile::Builder::new().prefix("cache_pg_volume.").tempdir_in("/tmp")?;
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o755))?;
    let volume = packed_and_unpacked(image.path(), scratch.path())?;
    let bare = without_extension(installation)?;
    let cluster = Cluster::builder(&bare).preload(false).lifetime(LIFETIME_IN_TESTS).start()?;
    cluster.psql("postgres", &["-c", &format!("CREATE DATABASE {DATABASE}")])?;
    let known = "SELECT count(*) FROM pg_available_extensions WHERE name = 'cache_pg'";
    let available = || cluster.psql("postgres", &["-At", "-c", known]);
    ensure!(available()? == "0", "the server has the extension without the volume");

    // As the operator sets them: https://cloudnative-pg.io/documentation/current/imagevolume_extensions
    let below = |dir: &str| volume.join(dir).display().to_string();
    cluster.set_conf("extension_control_path", &format!("$system:{}", below("share")))?;
    cluster.set_conf("dynamic_library_path", &format!("$libdir:{}", below("lib")))?;
    cluster.set_conf("shared_preload_libraries", "cache_pg")?;
    cluster.restart()?;
    ensure!(available()? == "1", "the server does not find the extension in the volume");
    demo::check(&cluster, DATABASE, demo::Part::Whole)?;
    // A dump must not depend on where the volume is mounted.
    let named =
        cluster.psql(DATABASE, &["-At", "-c", "SELECT DISTINCT probin FROM pg_proc WHERE probin ~ 'cache_pg'"])?;
    ensure!(named == "$libdir/cache_pg", "functions name the library {named:?}");
    check_mapped(&cluster, &volume.join("lib/cache_pg.so"))?;
    output::line("the tour has passed with the library and the scripts of the volume");
    Ok(())
}

/// Checks that the image has the folders that the operator looks into, and nothing else.
fn check_layout(image: &Path) -> Result<()> {
    let found: Vec<_> = files::under(image, "")?
        .iter()
        .filter_map(|file| Some((file.strip_prefix(image).ok()?.display().to_string(), fs::metadata(file).ok()?.len())))
        .collect();
    for (file, bytes) in &found {
        output::line(&format!("{bytes:>9}  /{file}"));
    }
    let has = |wanted: &str| found.iter().any(|(file, _)| file == wanted);
    ensure!(has("lib/cache_pg.so") && has("share/extension/cache_pg.control"), "a file is missing");
    let astray = found.iter().find(|(file, _)| {
        let places = ["lib/cache_pg.so", "share/extension/cache_pg", "licenses/"];
        !places.iter().any(|place| file.starts_with(place))
    });
    ensure!(astray.is_none(), "a file does not belong into the image: {astray:?}");
    Ok(())
}

/// The files of the image, after they have been a layer of an image in the format of OCI.
fn packed_and_unpacked(files: &Path, scratch: &Path) -> Result<PathBuf> {
    if process::which("umoci").is_none() {
        apt::install(&["umoci"])?;
    }
    let layout = scratch.join("oci").display().to_string();
    let (image, bundle) = (format!("{layout}:cache_pg"), scratch.join("bundle"));
    let umoci =
        |arguments: &[&str], paths: &[&Path]| process::output(apt::as_root("umoci").args(arguments).args(paths));
    umoci(&["init", "--layout", &layout], &[])?;
    umoci(&["new", "--image", &image], &[])?;
    umoci(&["insert", "--image", &image], &[files, Path::new("/")])?;
    umoci(&["config", "--image", &image, "--config.user", "65532:65532"], &[])?;
    umoci(&["unpack", "--image", &image], &[&bundle])?;
    // The runtime mounts the files so that every user can read them.
    process::output(apt::as_root("chmod").arg("a+rx").arg(&bundle))?;
    process::output(apt::as_root("chmod").args(["-R", "a+rX"]).arg(bundle.join("rootfs")))?;
    Ok(bundle.join("rootfs"))
}

/// A copy of the server without the extension. It is made once and kept in the tool's home.
fn without_extension(installation: &Installation) -> Result<Installation> {
    let all = paths::home()?.join("bare");
    fs::create_dir_all(&all)?;
    let (root, copy) = (root(installation, &paths::home()?.join("postgres"))?, all.join(&installation.version));
    if !copy.is_dir() {
        let scratch = tempfile::tempdir_in(&all)?;
        fs::set_permissions(scratch.path(), Permissions::from_mode(0o755))?;
        files::copy_tree(&root, &scratch.path().join("server"))?;
        match fs::rename(scratch.path().join("server"), &copy) {
            // Another process was faster.
            Err(_) if copy.is_dir() => {}
            renamed => renamed.with_context(|| format!("cannot create {}", copy.display()))?,
        }
    }
    let bare = Installation::at(&copy.join(installation.bindir.strip_prefix(&root)?).join("pg_config"))?;
    ensure!(bare.sharedir.starts_with(&copy), "the copy looks for its files in {}", bare.sharedir.display());
    for file in files::entries(&bare.extension_dir()).into_iter().chain(files::entries(&bare.pkglibdir)) {
        if files::name(&file).starts_with("cache_pg") {
            fs::remove_file(file)?;
        }
    }
    Ok(bare)
}

/// The directory that holds all of a server: one of those in `private`, with the libraries of its programs.
fn root(installation: &Installation, private: &Path) -> Result<PathBuf> {
    let below = installation.bindir.strip_prefix(private).ok();
    let name = below.and_then(|below| below.components().next()).context("the server is not one of this tool")?;
    Ok(private.join(name))
}

/// Checks that the server has loaded `library` and no other one of that name.
fn check_mapped(cluster: &Cluster, library: &Path) -> Result<()> {
    let pid = cluster.postmaster_pid().context("the server does not run")?;
    let maps = process::output(apt::as_root("cat").arg(format!("/proc/{pid}/maps")))?;
    let mapped: Vec<_> = maps.lines().filter(|line| line.ends_with("/cache_pg.so")).collect();
    let path = library.display().to_string();
    ensure!(!mapped.is_empty() && mapped.iter().all(|line| line.ends_with(&path)), "another library: {mapped:?}");
    Ok(())
}
