//! Owns the running of tasks side by side.
//!
//! Must never lose an error, nor return before all have come to their end.

use std::{panic, thread};

use anyhow::{Result, anyhow};

/// A task.
pub type Task<'a> = &'a (dyn Fn() -> Result<()> + Sync);

/// Runs the tasks at the same time.
///
/// # Errors
/// When one fails: its error, or the texts of all.
pub fn together(tasks: &[Task]) -> Result<()> {
    let mut errors = thread::scope(|scope| {
        let started: Vec<_> = tasks.iter().map(|task| scope.spawn(task)).collect();
        let ended = started.into_iter().map(|task| task.join().unwrap_or_else(|panic| panic::resume_unwind(panic)));
        ended.filter_map(Result::err).collect::<Vec<_>>()
    });
    match errors.len() {
        0 => Ok(()),
        1 => Err(errors.remove(0)),
        _ => Err(anyhow!("{}", errors.iter().map(|error| format!("{error:#}")).collect::<Vec<_>>().join("\n"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_is_told() {
        let (well, one, other) = (|| Ok(()), || Err(anyhow!("one")), || Err(anyhow!("other")));
        let said = |tasks: &[Task]| together(tasks).map_err(|error| error.to_string());
        assert_eq!(said(&[&well, &well]), Ok(()));
        assert_eq!(said(&[&well, &one]), Err("one".to_owned()));
        assert_eq!(said(&[&one, &well, &other]), Err("one\nother".to_owned()));
    }
}
