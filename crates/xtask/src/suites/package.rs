//! Owns the suite `package`: on a clean Debian, the package is installed, used, removed and refused, as users see it.
//!
//! Debian's own PostgreSQL and its tools make and start the cluster. Must never touch a cluster of the machine.

use std::collections::BTreeSet;
use std::{process::Command, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use super::jailed::{Jailed, unless_unavailable};
use super::{results, summary::Verdict};
use crate::chroot::{self, Jail};
use crate::package::{self, deb};
use crate::postgres::Installation;
use crate::{cluster, demo, files, output, process};

/// The cluster of the test.
const CLUSTER: &str = "cache";
/// A user of the system, and its role in the database, which has no privileges at first.
const GUEST: &str = "guest";
/// Longer than the sweeper takes to start on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Tests the package of the extension that was built for `installation`.
///
/// # Errors
/// When it does not do as users expect. A machine that cannot run the test is none.
pub fn run(installation: &Installation) -> Result<Verdict> {
    unless_unavailable(test(installation))
}

fn test(installation: &Installation) -> Result<()> {
    let major = installation.major;
    let server = format!("postgresql-{major}");
    let system = chroot::debian(&server)?;
    let file = deb::make(&package::built(installation)?, installation, &results::of_this_run("package"))?;
    output::line(deb::describe(&file)?.trim_end());
    let jail = Jail::start(&system)?;
    let deb = format!("/tmp/{}", files::name(&file));
    jail.put(&file, deb.as_ref())?;
    let name = process::output(Command::new("dpkg-deb").arg("--field").arg(&file).arg("Package"))?;

    jail.sh(&format!("useradd {GUEST}"))?;
    let before = tree(&jail)?;
    jail.sh(&format!("dpkg --install {deb}"))?;
    check_files(&jail, &name, major, &before)?;
    output::line("installed: exactly the files of the list");
    refuses(&jail, &format!("dpkg --remove {server}"), &name)?;

    jail.sh(&format!("pg_createcluster --locale=C.UTF-8 {major} {CLUSTER} && pg_ctlcluster {major} {CLUSTER} start"))?;
    let place = vec![format!("--cluster={major}/{CLUSTER}")];
    let server = Jailed { jail: &jail, superuser: "postgres", place };
    without_preload(&server)?;
    output::line("without the preload: values are stored and read, and cache_health says that there is no worker");
    with_preload(&server, major)?;
    output::line("with the preload: the tour, the sweeper, and a role without and with the privilege to read");

    jail.sh(&format!("dpkg --purge {name}"))?;
    let after = tree(&jail)?;
    let left: Vec<_> = after.symmetric_difference(&before).collect();
    ensure!(left.is_empty(), "files are left or gone: {left:?}");
    jail.sh(&format!(
        "pg_conftool {major} {CLUSTER} remove shared_preload_libraries && pg_ctlcluster {major} {CLUSTER} restart"
    ))?;
    server.expect("tour", "SELECT count(*) FROM dishes", "1")?;
    server.ask("tour", "DROP EXTENSION cache_pg CASCADE")?;
    output::line("removed: no file is left, the server starts without the preload, and the extension can be dropped");

    jail.sh(&format!("pg_ctlcluster {major} {CLUSTER} stop && dpkg --purge postgresql-{major}"))?;
    refuses(&jail, &format!("dpkg --install {deb}"), &format!("{name} depends on postgresql-{major}"))?;
    output::line(
        "refused: neither is the server removed before the package, nor the package installed without the server",
    );
    Ok(())
}

/// Every file of the system, but for what its programs write while they run and what dpkg knows of packages.
fn tree(jail: &Jail) -> Result<BTreeSet<String>> {
    let leave_out =
        ["/dev", "/proc", "/sys", "/run", "/tmp", "/root", "/var/lib/dpkg", "/var/lib/postgresql", "/var/log"];
    let pruned: Vec<_> = leave_out.iter().map(|dir| format!("-path {dir}")).collect();
    let found = jail.sh(&format!(
        "find / \\( {} -o -path /etc/postgresql/*/{CLUSTER} \\) -prune -o -type f -print -o -type l -print",
        pruned.join(" -o ")
    ))?;
    Ok(found.lines().map(str::to_owned).collect())
}

/// Checks that the package has brought its list of files, and that they are where they belong.
fn check_files(jail: &Jail, name: &str, major: u16, before: &BTreeSet<String>) -> Result<()> {
    let after = tree(jail)?;
    let new: BTreeSet<_> = after.difference(before).cloned().collect();
    let listed = jail.sh(&format!("for file in $(dpkg --listfiles {name}); do test -d $file || echo $file; done"))?;
    ensure!(listed.lines().map(str::to_owned).collect::<BTreeSet<_>>() == new, "not the listed files: {new:?}");
    ensure!(before.is_subset(&after), "files are gone: {:?}", before.difference(&after).collect::<Vec<_>>());
    let places = [
        format!("/usr/lib/postgresql/{major}/lib/cache_pg.so"),
        format!("/usr/share/postgresql/{major}/extension/cache_pg"),
        format!("/usr/share/doc/{name}/"),
    ];
    let astray = new.iter().find(|file| !places.iter().any(|place| file.starts_with(place)));
    ensure!(astray.is_none(), "a file is elsewhere: {astray:?}");
    jail.sh(&format!("dpkg --verify {name}"))?;
    Ok(())
}

/// Checks that `script` fails, and says `why`.
fn refuses(jail: &Jail, script: &str, why: &str) -> Result<()> {
    match jail.sh(script) {
        Ok(_) => bail!("it was not refused: {script}"),
        Err(error) => ensure!(format!("{error:#}").contains(why), "refused, but not for {why:?}: {error:#}"),
    }
    Ok(())
}

/// The state that a user is in who has not set `shared_preload_libraries`.
fn without_preload(server: &Jailed<'_>) -> Result<()> {
    server.ask("postgres", "CREATE DATABASE bare")?;
    server.ask("bare", "CREATE EXTENSION cache_pg")?;
    server.ask("bare", "SELECT cache_set('a', '1', '1 minute')")?;
    server.expect("bare", "SELECT cache_get('a')", "1")?;
    let health = r#"SELECT bool_or(status = 'ok') FROM cache_health WHERE "check" IN ('preloaded', 'worker')"#;
    server.expect("bare", health, "f")
}

fn with_preload(server: &Jailed<'_>, major: u16) -> Result<()> {
    server.jail.sh(&format!(
        "pg_conftool {major} {CLUSTER} set shared_preload_libraries cache_pg && pg_ctlcluster {major} {CLUSTER} restart"
    ))?;
    server.expect("bare", "SHOW shared_preload_libraries", "cache_pg")?;
    server.ask("postgres", "CREATE DATABASE tour")?;
    demo::check(server, "tour", demo::Part::ByPsql)?;
    healthy(server, "tour")?;
    server.ask("tour", &format!("CREATE ROLE {GUEST} LOGIN"))?;
    let read = "SELECT cache_get('tenant:burger-palace') ->> 'plan'";
    let Err(denied) = server.ask_as(GUEST, "tour", read) else { bail!("a role without privileges has read a value") };
    ensure!(format!("{denied:#}").contains("permission denied"), "another error: {denied:#}");
    server.ask("tour", &format!("GRANT SELECT ON cache_entries TO {GUEST}"))?;
    let value = server.ask_as(GUEST, "tour", read).context("a role that may read")?;
    ensure!(value == "pro", "another value: {value:?}");
    Ok(())
}

/// Waits until the launcher and a sweeper run.
pub(super) fn healthy(server: &Jailed<'_>, database: &str) -> Result<()> {
    let health = r#"SELECT count(*) FROM cache_health WHERE "check" IN ('preloaded', 'worker') AND status = 'ok'"#;
    cluster::poll(PATIENCE, "the sweeper", || Ok(server.ask(database, health)? == "2"))
}
