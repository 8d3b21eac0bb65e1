//! The demo.

use anyhow::Result;

/// Runs it.
///
/// # Errors
/// When.
pub fn run() -> Result<()> {
    Ok(())
}

/// Stops it.
///
/// # Errors
/// When.
pub fn stop() -> Result<()> {
    Ok(())
}
