//! Owns the test of the image for users, on a stand-in for the official image of PostgreSQL.
//!
//! Must never set anything that a user of the image would not set.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::build::{self, Stage};
use super::dockerfile::Variables;
use crate::chroot::{Jail, System};
use crate::postgres::Installation;
use crate::suites::{jailed::Jailed, package::healthy};
use crate::{cluster, demo, output, paths, process};

const DOCKERFILE: &str = "packaging/docker/Dockerfile";
const ENTRYPOINT: &str = include_str!("entrypoint.sh");
/// Longer than initdb and a start take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The first database, as `-e POSTGRES_DB` names it.
const DATABASE: &str = "shop";

/// Builds the image from the package in `context`, and runs it as its page says.
pub fn test(system: &System, installation: &Installation, context: &Path) -> Result<()> {
    let major = installation.major;
    let arguments = Variables::from([("PG_MAJOR".to_owned(), major.to_string())]);
    let base = |image: &str| stand_in(system, image, major);
    let built = build::image(&paths::project().join(DOCKERFILE), context, &arguments, &base)?;
    let Stage::System(mut jail) = built else { bail!("{DOCKERFILE} makes an image without a server") };
    output::line(&format!("built from {DOCKERFILE}"));

    for (name, value) in [("POSTGRES_PASSWORD", "secret"), ("POSTGRES_DB", DATABASE)] {
        jail.set_env(name, value);
    }
    let log = context.join("log");
    let mut container = Container::run(&jail, &log, &["postgres"])?;
    let server = Jailed { jail: &jail, superuser: "postgres", place: Vec::new() };
    container.wait(&server)?;
    server.expect(DATABASE, "SHOW shared_preload_libraries", "cache_pg")?;
    server.ask(DATABASE, "SELECT cache_set('kept', '1', '1 hour')")?;
    demo::check(&server, DATABASE, demo::Part::AfterCreate)?;
    healthy(&server, DATABASE)?;
    container.stop(&jail)?;
    output::line(&format!("a new volume: the extension is there in {DATABASE}, preloaded; the tour, the sweeper"));

    let mut container = Container::run(&jail, &log, &["postgres", "-c", "work_mem=8MB"])?;
    container.wait(&server)?;
    server.expect(DATABASE, "SHOW work_mem", "8MB")?;
    server.expect(DATABASE, "SELECT cache_get('kept')", "1")?;
    healthy(&server, DATABASE)?;
    container.stop(&jail)?;
    output::line("a command of one's own: still preloaded, and the data are kept");
    older_volume(&mut jail, &log)
}

/// A data directory that another image has initialised, and what its owner has to do.
fn older_volume(jail: &mut Jail, log: &Path) -> Result<()> {
    jail.set_env("PGDATA", "/var/lib/postgresql/older");
    process::output(jail.command("postgres", "initdb").arg("--username=postgres"))?;
    jail.sh("sed -i /cache_pg/d \"$PGDATA\"/postgresql.conf")?;
    let server = Jailed { jail, superuser: "postgres", place: Vec::new() };
    let mut container = Container::run(jail, log, &["postgres"])?;
    container.wait(&server)?;
    server.expect("postgres", "SHOW shared_preload_libraries", "")?;
    server.ask("postgres", "ALTER SYSTEM SET shared_preload_libraries = 'cache_pg'")?;
    container.stop(jail)?;
    let mut container = Container::run(jail, log, &["postgres"])?;
    container.wait(&server)?;
    server.ask("postgres", "CREATE EXTENSION cache_pg")?;
    healthy(&server, "postgres")?;
    container.stop(jail)?;
    output::line("a volume of another image: ALTER SYSTEM, a restart and CREATE EXTENSION are enough");
    Ok(())
}

/// The stand-in for `postgres:NN`: Debian's server, with the parts of the official image that ours relies on.
fn stand_in(system: &System, image: &str, major: u16) -> Result<Stage> {
    ensure!(image == format!("postgres:{major}"), "there is no stand-in for the image {image}");
    let mut jail = Jail::start(system)?;
    jail.sh(&format!(
        "mkdir /docker-entrypoint-initdb.d
         cd /usr/share/postgresql
         mv {major}/postgresql.conf.sample .
         ln -s ../postgresql.conf.sample {major}/
         echo \"listen_addresses = '*'\" >>postgresql.conf.sample"
    ))?;
    jail.write("/usr/local/bin/docker-entrypoint.sh", ENTRYPOINT, "755")?;
    let path = format!("{}:/usr/lib/postgresql/{major}/bin", jail.env("PATH").unwrap_or_default());
    jail.set_env("PATH", &path);
    jail.set_env("PG_MAJOR", &major.to_string());
    jail.set_env("PGDATA", "/var/lib/postgresql/data");
    Ok(Stage::System(jail))
}

/// A run of the image.
struct Container {
    entrypoint: Child,
    log: PathBuf,
}

impl Container {
    /// Runs the entrypoint with `command`. Its output goes to the end of `log`.
    fn run(jail: &Jail, log: &Path, command: &[&str]) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let mut entrypoint = jail.command("root", "docker-entrypoint.sh");
        entrypoint.args(command).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let entrypoint = entrypoint.spawn().context("cannot run the entrypoint")?;
        Ok(Self { entrypoint, log: log.to_owned() })
    }

    /// Waits until the server accepts connections from other machines, which it does once the database is initialised.
    fn wait(&mut self, server: &Jailed<'_>) -> Result<()> {
        let ready = || {
            ensure!(self.entrypoint.try_wait()?.is_none(), "it has ended");
            Ok(server.ask("postgres", "SHOW listen_addresses").is_ok_and(|shown| shown == "*"))
        };
        cluster::poll(PATIENCE, "the container", ready).with_context(|| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let lines: Vec<_> = log.lines().collect();
            format!("the container did not start:\n{}", lines[lines.len().saturating_sub(20)..].join("\n"))
        })
    }

    /// Ends it with the signal of the official image.
    fn stop(mut self, jail: &Jail) -> Result<()> {
        jail.sh("kill -INT \"$(head -n 1 \"$PGDATA\"/postmaster.pid)\"")?;
        let ended = || Ok(self.entrypoint.try_wait()?.is_some());
        cluster::poll(PATIENCE, "the container to stop", ended)
    }
}
