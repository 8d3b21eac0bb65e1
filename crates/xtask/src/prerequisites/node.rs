//! Owns the finding of Node.js and npm.
//!
//! Must never install them.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// A version of Node: major and minor.
pub type Version = (u16, u16);

/// Makes sure that Node and npm are there.
///
/// # Errors
/// When one is not, or Node is older than `oldest`.
pub fn require(oldest: Version) -> Result<()> {
    if let Some(absent) = ["node", "npm"].into_iter().find(|program| process::which(program).is_none()) {
        bail!("{absent} is not installed");
    }
    let printed = process::output(Command::new("node").arg("--version"))?;
    let version = parse(&printed).with_context(|| format!("cannot read a version of Node from {printed:?}"))?;
    if version < oldest {
        bail!("Node {printed} is installed, and {}.{} is needed", oldest.0, oldest.1);
    }
    Ok(())
}

/// `v20.20.2` as 20 and 20.
fn parse(printed: &str) -> Option<Version> {
    let mut numbers = printed.strip_prefix('v')?.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_node_prints_them() {
        assert_eq!(parse("v22.9.0"), Some((22, 9)));
        assert!(parse("v22.9.0") < Some((22, 19)));
        assert_eq!(parse("22.9.0"), None);
    }
}
