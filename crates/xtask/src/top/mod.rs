//! Owns `make top`: what a cache does, in the terminal, every second.
//!
//! Must never change a mode of the terminal: an interrupt at any moment leaves the terminal as it was.

mod frame;
mod sample;
mod text;
mod workers;

use std::io::{IsTerminal, Write};
use std::{fs, thread, time::Duration};

use anyhow::{Context, Result};
use postgres::{Client, NoTls};

pub(crate) use frame::frame;
pub(crate) use sample::{Sample, sample};
pub(crate) use text::WIDTH;

use crate::{ink::Ink, paths};

/// How often.
const EVERY: Duration = Duration::from_secs(1);
const CLEAR: &str = "\x1b[2J";

/// Shows the cache of the database at `url`, or of the demo, again and again, or `once`.
///
/// # Errors
/// When the database cannot be reached, or has no statistics.
pub fn run(url: Option<&str>, once: bool) -> Result<()> {
    let conninfo = match url {
        Some(url) => url.to_owned(),
        None => of_the_demo().context("give the URL of a database, or start the demo with `make demo`")?,
    };
    let terminal = std::io::stdout().is_terminal();
    let ink = Ink::new(terminal);
    let mut client = connect(&conninfo)?;
    let mut before = sample(&mut client)?;
    if once {
        print!("{}", frame(None, &before, ink));
        return Ok(());
    }
    show(terminal, &format!("{}{}", if terminal { CLEAR } else { "" }, frame(None, &before, ink)))?;
    loop {
        thread::sleep(EVERY);
        match sample(&mut client) {
            Ok(now) => {
                show(terminal, &frame(Some(&before), &now, ink))?;
                before = now;
            }
            // The server may be about to come back. Anything else will not mend itself.
            Err(_) if client.is_closed() => {
                show(terminal, "waiting for the server\n")?;
                client = connect(&conninfo).unwrap_or(client);
            }
            Err(error) => return Err(error),
        }
    }
}

fn connect(conninfo: &str) -> Result<Client> {
    Client::connect(conninfo, NoTls).context("cannot connect")
}

/// The server that the demo has left running.
fn of_the_demo() -> Result<String> {
    let dir = paths::demo()?;
    let running = fs::read_to_string(dir.join("data/postmaster.pid")).context("there is no demo")?;
    let port = running.lines().nth(3).context("the demo is not running")?;
    Ok(format!("host={} port={port} user=postgres dbname={}", dir.display(), paths::DEMO_DATABASE))
}

fn show(terminal: bool, text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(if terminal { placed(text) } else { format!("{text}\n") }.as_bytes())?;
    Ok(out.flush()?)
}

/// Over what is there, line by line, without a flicker. What a small terminal has no lines for falls on its last one:
/// the beginning stays.
fn placed(text: &str) -> String {
    let lines = text.lines().enumerate().map(|(number, line)| format!("\x1b[{};1H{line}\x1b[K", number + 1));
    lines.chain(["\n\x1b[J".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_over_those_that_are_there() {
        assert_eq!(placed("a\nb\n"), "\x1b[1;1Ha\x1b[K\x1b[2;1Hb\x1b[K\n\x1b[J");
    }
}
