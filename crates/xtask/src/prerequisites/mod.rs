//! Owns what the build needs besides cargo: a C linker, libclang for the bindings, and pip to fetch a PostgreSQL.
//!
//! Must never install something that is there, nor anything without a printed line.

pub mod apt;
pub mod archive;
pub mod node;
pub mod python;
pub mod relocation;
pub mod unpacked;

use std::path::{Path, PathBuf};
use std::{process::Command, sync::OnceLock};

use anyhow::{Context, Result, bail};

use crate::{files, paths, process};

/// Environment variables for the build.
pub type Environment = Vec<(&'static str, String)>;

/// Makes sure that the extension can be built, and returns the environment for its build.
///
/// # Errors
/// When something is missing that this user cannot install; the message says what.
pub fn for_build() -> Result<Environment> {
    static DONE: OnceLock<Environment> = OnceLock::new();
    if let Some(environment) = DONE.get() {
        return Ok(environment.clone());
    }
    linker()?;
    let environment = libclang()?;
    Ok(DONE.get_or_init(|| environment).clone())
}

/// Makes sure that the tests find PgBouncer on a CI machine. Its package starts a service, so it is installed nowhere
/// else; the tests that need it are left out there.
pub fn pgbouncer() {
    let wanted = std::env::var_os("CI").is_some() && process::which("pgbouncer").is_none();
    if wanted
        && apt::usable()
        && let Err(error) = apt::install(&["pgbouncer"])
    {
        println!("PgBouncer is not available: {error:#}");
    }
}

fn linker() -> Result<()> {
    if process::which("cc").is_some() {
        return Ok(());
    }
    if !apt::usable() {
        bail!("a C compiler is needed; please install one, such as the package build-essential");
    }
    apt::install(&["build-essential"])
}

/// bindgen reads PostgreSQL's headers with libclang, which needs the headers of a compiler.
fn libclang() -> Result<Environment> {
    let mut environment = Environment::new();
    if std::env::var_os("LIBCLANG_PATH").is_none() && !system_has_libclang() {
        if apt::usable() {
            apt::install(&["libclang-dev"])?;
        } else {
            environment.push(("LIBCLANG_PATH", libclang_from_wheel()?.display().to_string()));
        }
    }
    let given = std::env::var_os("BINDGEN_EXTRA_CLANG_ARGS").is_some();
    if !given && (!environment.is_empty() || !clang_has_headers()) {
        let headers = process::output(Command::new("cc").arg("-print-file-name=include"))?;
        environment.push(("BINDGEN_EXTRA_CLANG_ARGS", format!("-I{headers}")));
    }
    Ok(environment)
}

fn libclang_from_wheel() -> Result<PathBuf> {
    const REQUIREMENT: &str = "libclang==18.1.1";
    python::provided("libclang", REQUIREMENT, &paths::home()?.join("libclang"), "clang/native")
        .context("libclang is needed; please install it, such as the package libclang-dev")
}

fn system_has_libclang() -> bool {
    llvm_dirs()
        .chain([
            "/usr/lib".into(),
            "/usr/lib64".into(),
            "/usr/local/lib".into(),
            format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH).into(),
        ])
        .flat_map(|dir| files::entries(&dir))
        .any(|file| is_libclang(&files::name(&file)))
}

/// `libclang.so`, `libclang-14.so.1` and the like; `libclang-cpp.so.14` has another interface.
fn is_libclang(name: &str) -> bool {
    name.starts_with("libclang") && name.contains(".so") && !name.contains("-cpp")
}

fn clang_has_headers() -> bool {
    llvm_dirs()
        .chain(["/usr/lib".into(), "/usr/lib64".into()])
        .flat_map(|dir| files::entries(&dir.join("clang")))
        .any(|version| version.join("include/stddef.h").is_file())
}

/// `/usr/lib/llvm-14/lib` and the like.
fn llvm_dirs() -> impl Iterator<Item = PathBuf> {
    files::entries(Path::new("/usr/lib"))
        .into_iter()
        .filter(|dir| files::name(dir).starts_with("llvm"))
        .map(|dir| dir.join("lib"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_c_interface_of_clang_will_do() {
        assert!(is_libclang("libclang-14.so.14.0.6"));
        assert!(is_libclang("libclang.so"));
        assert!(!is_libclang("libclang-cpp.so.14"));
        assert!(!is_libclang("libclangBasic.a"));
    }
}
