//! Owns `cargo xtask bless`: it accepts the last output of the golden tests as the expected output.
//!
//! Must never run a test: read the differences first, then bless them.

use std::{fs, path::Path};

use anyhow::{Result, bail};

use super::{kind::Suite, regress::Golden, results};
use crate::{files, postgres::Installation};

/// Copies the last results on `installation` over the expected ones, and returns how many files changed.
///
/// # Errors
/// When there are no results, or the sources cannot be written to.
pub fn results(installation: &Installation) -> Result<usize> {
    let (mut seen, mut changed) = (0, 0);
    for suite in [Suite::Sql, Suite::Isolation] {
        let Some(golden) = Golden::of(suite, installation) else { continue };
        let Some(output) = results::of_last_run(&golden.name) else { continue };
        let expected = golden.input.join("expected");
        for result in files::entries(&output.join("results")) {
            let Some(name) = result.file_name().filter(|_| result.extension().is_some_and(|e| e == "out")) else {
                continue;
            };
            seen += 1;
            fs::create_dir_all(&expected)?;
            let target = expected.join(name);
            let printed = fs::read(&result)?;
            if names_directory(&printed, &output) {
                bail!("{} names the directory of its run: it would differ elsewhere", result.display());
            }
            if fs::read(&target).ok() != Some(printed) {
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

/// Whether `printed` contains the path of `directory`.
fn names_directory(printed: &[u8], directory: &Path) -> bool {
    let path = directory.as_os_str().as_encoded_bytes();
    printed.windows(path.len()).any(|window| window == path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_that_names_its_own_directory_is_recognized() {
        let directory = Path::new("/home/ada/cache_pg/target");
        assert!(names_directory(b"psql:/home/ada/cache_pg/target/sql/get.sql:42: ERROR:  no", directory));
        assert!(!names_directory(b"psql:sql/get.sql:42: ERROR:  no", directory));
        assert!(!names_directory(b"", directory));
    }
}
