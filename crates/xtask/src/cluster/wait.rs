//! Owns the waiting for a condition, with a deadline.
//!
//! Must never wait for a fixed time: a test that does is slow on a fast machine and wrong on a slow one.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use postgres::Client;

/// How often to check.
const STEP: Duration = Duration::from_millis(20);

/// Calls `happened` about every 20 ms until it is true.
///
/// # Errors
/// When it is still false after `deadline` (the message has `what`); and the first error of `happened`.
pub fn poll(deadline: Duration, what: &str, mut happened: impl FnMut() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    loop {
        if happened().with_context(|| format!("while waiting for: {what}"))? {
            return Ok(());
        }
        if start.elapsed() >= deadline {
            bail!("waited {deadline:?} in vain for: {what}");
        }
        thread::sleep(STEP);
    }
}

/// Runs `sql` about every 20 ms until the one value that it returns is true.
///
/// # Errors
/// When it is still false after `deadline`, or `sql` fails.
pub fn wait_for(client: &mut Client, sql: &str, deadline: Duration) -> Result<()> {
    poll(deadline, sql, || {
        let row = client.query_one(sql, &[])?;
        Ok(row.try_get::<_, Option<bool>>(0)?.unwrap_or(false))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_ends_as_soon_as_it_happened() {
        let mut looks = 0;
        poll(Duration::from_secs(60), "the third look", || {
            looks += 1;
            Ok(looks == 3)
        })
        .unwrap();
        assert_eq!(looks, 3);
    }

    #[test]
    fn waiting_in_vain_names_what_for() {
        let error = poll(Duration::ZERO, "the impossible", || Ok(false)).unwrap_err();
        assert!(error.to_string().contains("the impossible"), "{error}");
    }
}
