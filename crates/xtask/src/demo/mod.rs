//! Owns `make demo`: a server of its own with the extension, a guided tour of it, and a way to go on by hand.
//!
//! Must never touch another server or leave more than one demo behind.

mod ahead;
mod durations;
mod freshness;
mod psql;
mod screen;
mod server;
mod tour;

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::postgres::{self, Installation};
use crate::{cluster::Cluster, files, package, paths, paths::DEMO_DATABASE, process, top};
pub use screen::CHAPTER;
use screen::Screen;
pub use server::Server;
pub use tour::{Part, STILL, filmed};

/// What the demo keeps in its directory: the `pg_config` of its PostgreSQL, to stop it with.
const INSTALLATION: &str = "pg_config";

/// Gets everything ready, starts the server, shows the tour and leaves the server running.
///
/// # Errors
/// When something cannot be had, built or started, or when a step of the tour fails.
pub fn run() -> Result<()> {
    let dir = paths::demo()?;
    announce(&dir);
    let installation = postgres::preferred()?;
    package::install(&package::build(&installation)?, &installation)?;
    remove(&dir)?;
    let cluster = Cluster::builder(&installation).dir(dir.clone()).conf("cache_pg.sweep_interval", "1s").start()?;
    files::put(installation.pg_config.display().to_string().as_bytes(), &dir.join(INSTALLATION), 0o644)?;
    create_database(&cluster)?;
    let screen = Screen::new(&cluster, DEMO_DATABASE);
    tour::show(&screen, Part::Whole)?;
    screen.chapter("Statistics: make top");
    let frame = top::frame(None, &top::sample(&mut cluster.connect(DEMO_DATABASE)?)?, screen.ink());
    screen.print(&format!("{frame}\n"));
    screen.say("The server keeps running. Connect to it with");
    screen.mark(&format!("  {}", psql_line(&cluster, &installation)));
    screen.say("or with any driver at");
    screen.mark(&format!("  {}", cluster.url(DEMO_DATABASE)?));
    screen.say("`make stop` stops the server and removes it.");
    cluster.leave_running();
    Ok(())
}

/// Shows the tour on `cluster`, which has none yet, and returns what it prints, with colours.
///
/// # Errors
/// When a step fails.
pub fn record(cluster: &Cluster) -> Result<String> {
    create_database(cluster)?;
    let screen = Screen::recording(cluster, DEMO_DATABASE, true);
    tour::show(&screen, Part::Whole)?;
    Ok(screen.recorded())
}

/// Takes `part` of the tour in `database` of `server`, and prints it only if a step fails.
///
/// # Errors
/// When a step fails.
pub fn check(server: &dyn Server, database: &str, part: Part) -> Result<()> {
    let screen = Screen::recording(server, database, false);
    let shown = tour::show(&screen, part);
    if shown.is_err() {
        println!("{}", screen.recorded());
    }
    shown.context("the tour has stopped")
}

fn create_database(cluster: &Cluster) -> Result<String> {
    cluster.psql("postgres", &["--quiet", "-c", &format!("CREATE DATABASE {DEMO_DATABASE}")])
}

/// Stops the server of an earlier demo and removes its directory.
///
/// # Errors
/// When it does not stop, or cannot be removed.
pub fn stop() -> Result<()> {
    let found = remove(&paths::demo()?)?;
    println!("{}", if found { "The demo is stopped and removed." } else { "There is no demo to stop." });
    Ok(())
}

fn announce(dir: &Path) {
    let first = !paths::extension_target().join("release").is_dir();
    println!(
        "This downloads PostgreSQL, builds the extension, starts a separate server in\n{} and shows what the cache does. \
         {}\nNo other PostgreSQL is changed.\n",
        dir.display(),
        if first {
            "The first time it takes about five minutes,\nnearly all of it compiling; after that, half a minute."
        } else {
            "It takes about half a minute."
        }
    );
}

/// Stops the server in `dir` if it runs, removes `dir`, and returns whether there was one.
fn remove(dir: &Path) -> Result<bool> {
    if !dir.is_dir() {
        return Ok(false);
    }
    let data = dir.join("data");
    if data.join("postmaster.pid").is_file()
        && let Ok(pg_config) = fs::read_to_string(dir.join(INSTALLATION))
    {
        let mut stop = Installation::at(Path::new(&pg_config))?.command("pg_ctl");
        stop.args(["stop", "--silent", "--mode=fast", "--pgdata"]).arg(&data);
        process::output(process::as_server_user(&mut stop)?)?;
    }
    fs::remove_dir_all(dir)?;
    Ok(true)
}

/// What a person types to connect: through the socket, with the psql that belongs to the server.
fn psql_line(cluster: &Cluster, installation: &Installation) -> String {
    let psql = match process::which("psql") {
        Some(_) => "psql".to_owned(),
        None => installation.bindir.join("psql").display().to_string(),
    };
    format!("{psql} -h {} -p {} -U postgres {DEMO_DATABASE}", cluster.dir().display(), cluster.port())
}
