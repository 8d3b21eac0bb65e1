//! Taking what the golden tests printed last as what they must print: `cargo xtask bless`.
//!
//! Must never run a test: look at the differences first, then bless what was seen.

use std::fs;

use anyhow::{Result, bail};

use super::Suite;
use super::regress::Golden;
use crate::files;
use crate::postgres::Installation;

/// Copies the last results on `installation` over the expected ones, and returns how many changed.
///
/// # Errors
/// When there are no results, or the sources cannot be written to.
pub fn results(installation: &Installation) -> Result<usize> {
    let (mut seen, mut changed) = (0, 0);
    for suite in [Suite::Sql, Suite::Isolation] {
        let Some(golden) = Golden::of(suite, installation) else {
            continue;
        };
        let expected = golden.input.join("expected");
        for entry in fs::read_dir(golden.output.join("results")).into_iter().flatten() {
            let result = entry?.path();
            let Some(name) = result.file_name().filter(|_| result.extension().is_some_and(|e| e == "out")) else {
                continue;
            };
            seen += 1;
            fs::create_dir_all(&expected)?;
            let target = expected.join(name);
            if fs::read(&target).ok() != Some(fs::read(&result)?) {
                files::copy(&result, &target)?;
                println!("{}", target.display());
                changed += 1;
            }
        }
    }
    if seen == 0 {
        bail!(
            "there are no results on PostgreSQL {0}: run `cargo xtask test --pg {0} --only sql,isolation`",
            installation.major
        );
    }
    Ok(changed)
}
