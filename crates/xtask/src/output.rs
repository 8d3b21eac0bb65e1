//! Owns where the output of a suite goes: to the terminal as it comes, or, of suites that run side by side, into a file
//! until the suite ends.
//!
//! Must never mix the lines of two suites, nor lose a line of one that fails.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::{Command, Stdio};

use anyhow::Result;

thread_local! {
    /// The file for the output of this thread's suite, if it is held.
    static HELD: RefCell<Option<File>> = const { RefCell::new(None) };
}

/// Runs `suite`, and returns its result and what it printed: by [`line`], and by programs that this thread started.
///
/// # Errors
/// When there is no room for its output.
pub fn held<T>(suite: impl FnOnce() -> T) -> Result<(T, String)> {
    let mut file = tempfile::tempfile()?;
    HELD.set(Some(file.try_clone()?));
    let result = suite();
    HELD.set(None);
    let mut printed = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut printed)?;
    Ok((result, String::from_utf8_lossy(&printed).into_owned()))
}

/// Prints a line.
pub fn line(text: &str) {
    let is_held = HELD.with_borrow_mut(|held| held.as_mut().is_some_and(|file| writeln!(file, "{text}").is_ok()));
    if !is_held {
        println!("{text}");
    }
}

/// Makes a program write where the lines of this thread go.
pub fn of(command: &mut Command) -> Result<()> {
    HELD.with_borrow(|held| {
        if let Some(file) = held {
            command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process;

    #[test]
    fn the_output_of_a_held_suite_comes_in_its_order_and_alone() {
        let suite = |name: &'static str| {
            held(move || {
                line(&format!("{name} begins"));
                process::run(Command::new("sh").args(["-c", "echo $0 runs; echo $0 errs >&2", name])).is_ok()
            })
            .unwrap()
        };
        let other = std::thread::spawn(move || suite("b"));
        assert_eq!(suite("a"), (true, "a begins\na runs\na errs\n".to_owned()));
        assert_eq!(other.join().unwrap(), (true, "b begins\nb runs\nb errs\n".to_owned()));
    }
}
