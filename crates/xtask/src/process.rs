//! Owns the running of other programs, and the user they run as.
//!
//! Must never ask for a password: an action that needs root, where there is no way to it, is an error.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, anyhow, bail};
use nix::unistd::{Uid, User};

use crate::{output, paths};

/// A subcommand of cargo, on the project.
pub fn cargo(subcommand: &str) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(paths::project()).arg(subcommand);
    // pgrx declares a newer Rust than it needs. `.cargo/config.toml` has the same for commands typed by hand.
    if ["build", "clippy", "run", "rustc", "test"].contains(&subcommand) {
        command.arg("--ignore-rust-version");
    }
    command
}

/// Whether this process runs as root.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// The user that servers run as: `None` is the caller. As root it is `postgres`, else `nobody`, because PostgreSQL
/// refuses to run as root.
///
/// # Errors
/// As root, when the machine has neither user.
pub fn server_user() -> Result<Option<User>> {
    if !is_root() {
        return Ok(None);
    }
    for name in ["postgres", "nobody"] {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!("there is no user `postgres` or `nobody` to run a server as")
}

/// Makes `command` run as [`server_user`], from a directory that this user can enter.
///
/// # Errors
/// As [`server_user`].
pub fn as_server_user(command: &mut Command) -> Result<&mut Command> {
    if let Some(user) = server_user()? {
        command
            .uid(user.uid.as_raw())
            .gid(user.gid.as_raw())
            .env("HOME", "/tmp")
            .env("USER", &user.name)
            .env("LOGNAME", &user.name);
    }
    Ok(command.current_dir("/"))
}

/// Runs `command`; its output goes where that of this thread goes: see [`output::line`](crate::output::line).
///
/// # Errors
/// When it cannot be started or fails.
pub fn run(command: &mut Command) -> Result<()> {
    output::of(command)?;
    let status = command.status().with_context(|| cannot_run(command))?;
    if !status.success() {
        bail!("{} failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs `command` and returns its standard output without trailing white space.
///
/// # Errors
/// When it cannot be started, fails (the message has its output), or prints text that is not UTF-8.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| cannot_run(command))?;
    if !output.status.success() {
        return Err(failure(command, &output));
    }
    let mut text =
        String::from_utf8(output.stdout).with_context(|| format!("{} did not print UTF-8", shown(command)))?;
    text.truncate(text.trim_end().len());
    Ok(text)
}

fn cannot_run(command: &Command) -> String {
    format!("cannot run {}", Path::new(command.get_program()).display())
}

fn failure(command: &Command, output: &Output) -> anyhow::Error {
    let said =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned()).join("\n");
    anyhow!("{} failed: {}\n{}", shown(command), output.status, said.trim())
}

/// The file that root's shell would run for `program`: servers may lie outside of a user's PATH.
pub fn which(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| file.is_file())
}

/// A command as a user would type it: its program without the directory.
pub fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    std::iter::once(program.file_name().unwrap_or(program.as_os_str()))
        .chain(command.get_args())
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_takes_a_rust_that_pgrx_does_not_declare_wherever_it_compiles() {
        assert_eq!(shown(cargo("test").args(["-p", "xtask"])), "cargo test --ignore-rust-version -p xtask");
        assert_eq!(shown(&cargo("fmt")), "cargo fmt");
    }

    #[test]
    fn output_is_trimmed_at_the_end_only() {
        let text = output(Command::new("printf").arg(" a\nb\n\n")).unwrap();
        assert_eq!(text, " a\nb");
    }

    #[test]
    fn a_failure_names_the_command_and_what_it_said() {
        let error = output(Command::new("sh").args(["-c", "echo no such luck >&2; exit 3"])).unwrap_err().to_string();
        assert!(error.starts_with("sh -c echo"), "{error}");
        assert!(error.contains("no such luck"), "{error}");
    }
}
