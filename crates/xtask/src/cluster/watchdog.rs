//! Owns the end of a test's server that runs too long, so that a client which waits for it fails.
//!
//! Must never keep a server alive, nor end one whose watchdog was dropped.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Mutex, PoisonError, Weak};
use std::{process::Child, thread, time::Duration};

use anyhow::Result;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

/// Watches a server until it is dropped.
#[derive(Debug)]
pub(super) struct Watchdog(#[expect(dead_code, reason = "dropping it ends the thread")] Sender<()>);

impl Watchdog {
    /// After `lifetime`, prints what the server is doing, which `last_words` returns, and sends it `signal`.
    pub(super) fn start(
        server: Weak<Mutex<Option<Child>>>,
        lifetime: Duration,
        signal: Signal,
        last_words: impl FnOnce() -> Result<String> + Send + 'static,
    ) -> Self {
        let (alive, dropped) = mpsc::channel();
        thread::spawn(move || {
            if dropped.recv_timeout(lifetime) == Err(RecvTimeoutError::Timeout) {
                let doing = last_words().unwrap_or_else(|error| format!("{error:#}"));
                eprintln!("a server is stopped because its test has not ended within {lifetime:?}:\n{doing}");
                end(&server, signal);
            }
        });
        Self(alive)
    }
}

/// Ends the process that runs by then.
fn end(server: &Weak<Mutex<Option<Child>>>, signal: Signal) {
    let Some(server) = server.upgrade() else { return };
    let server = server.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pid) = server.as_ref().and_then(|child| i32::try_from(child.id()).ok()) {
        // The process may just have ended, which is as good.
        let _ = signal::kill(Pid::from_raw(pid), signal);
    }
}

#[cfg(test)]
mod tests {
    use std::{process::Command, sync::Arc};

    use super::*;
    use crate::cluster::wait::poll;

    fn sleeping() -> Arc<Mutex<Option<Child>>> {
        Arc::new(Mutex::new(Some(Command::new("sleep").arg("60").spawn().unwrap())))
    }

    fn ended(server: &Mutex<Option<Child>>) -> bool {
        server.lock().unwrap().as_mut().unwrap().try_wait().unwrap().is_some()
    }

    #[test]
    fn what_lives_too_long_is_ended() {
        let server = sleeping();
        let _watchdog = Watchdog::start(Arc::downgrade(&server), Duration::ZERO, Signal::SIGKILL, || Ok(String::new()));
        poll(Duration::from_secs(30), "the end", || Ok(ended(&server))).unwrap();
    }

    #[test]
    fn what_is_let_go_is_left_alone() {
        let server = sleeping();
        let (said, heard) = mpsc::channel();
        drop(Watchdog::start(Arc::downgrade(&server), Duration::from_secs(60), Signal::SIGKILL, move || {
            let _ = said.send(());
            Ok(String::new())
        }));
        // The thread has ended, and its sender is gone.
        assert!(heard.recv().is_err());
        assert!(!ended(&server));
        server.lock().unwrap().as_mut().unwrap().kill().unwrap();
    }
}
