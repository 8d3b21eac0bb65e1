//! Owns the building of an image from a Dockerfile: each stage is a system in a jail, or a folder for `FROM scratch`.
//!
//! Must never leave out an instruction, nor use a file that is not in the context or in an earlier stage.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Uid;
use tempfile::TempDir;

use super::dockerfile::{Instruction, Variables, expand, parse};
use crate::chroot::Jail;
use crate::{files, prerequisites::apt, process};

/// The files of a stage.
#[derive(Debug)]
pub enum Stage {
    /// Those of a system that runs.
    System(Jail),
    /// A folder that was empty.
    Scratch(TempDir),
}

impl Stage {
    fn root(&self) -> PathBuf {
        match self {
            Self::System(jail) => jail.root(),
            Self::Scratch(dir) => dir.path().to_owned(),
        }
    }
}

/// The stage that a `FROM` with this image begins with.
pub type Base<'a> = &'a dyn Fn(&str) -> Result<Stage>;

/// Builds the last stage of `dockerfile` from the files in `context`, as `docker build --build-arg` does.
///
/// # Errors
/// When an instruction fails or is not known here; the message has it.
pub fn image(dockerfile: &Path, context: &Path, arguments: &Variables, base: Base<'_>) -> Result<Stage> {
    let text = fs::read_to_string(dockerfile).with_context(|| format!("cannot read {}", dockerfile.display()))?;
    let mut build = Build { context, arguments, base, outside: Variables::new(), stages: Vec::new() };
    for instruction in parse(&text).with_context(|| format!("{} is not understood", dockerfile.display()))? {
        build.carry_out(&instruction).with_context(|| format!("{}: {instruction:?}", dockerfile.display()))?;
    }
    Ok(build.stages.pop().context("it has no FROM")?.files)
}

struct Build<'a> {
    context: &'a Path,
    arguments: &'a Variables,
    base: Base<'a>,
    /// The variables before the first FROM. Only FROM sees them.
    outside: Variables,
    stages: Vec<Named>,
}

struct Named {
    name: Option<String>,
    files: Stage,
    /// Those of ARG in this stage.
    variables: Variables,
}

impl Build<'_> {
    fn carry_out(&mut self, instruction: &Instruction) -> Result<()> {
        if let Instruction::From { image, name } = instruction {
            let files = match expand(image, &self.outside)?.as_str() {
                "scratch" => Stage::Scratch(tempfile::tempdir()?),
                image => (self.base)(image)?,
            };
            self.stages.push(Named { name: name.clone(), files, variables: Variables::new() });
            return Ok(());
        }
        if let Instruction::Arg { name, default } = instruction {
            // Docker passes the default of an ARG before the first FROM on to one of the same name in a stage.
            let value = self.arguments.get(name).or(default.as_ref()).or(self.outside.get(name));
            let value = value.with_context(|| format!("{name} has no value"))?.clone();
            let variables = self.stages.last_mut().map_or(&mut self.outside, |stage| &mut stage.variables);
            variables.insert(name.clone(), value);
            return Ok(());
        }
        let (stage, earlier) = self.stages.split_last_mut().context("only ARG may precede FROM")?;
        match instruction {
            Instruction::Copy { from, sources, target } => {
                let named = |name: &String| earlier.iter().find(|stage| stage.name.as_ref() == Some(name));
                let source = match from {
                    Some(name) => named(name).with_context(|| format!("no stage {name}"))?.files.root(),
                    None => self.context.to_owned(),
                };
                stage.copy(&source, sources, target)
            }
            Instruction::Run(script) => stage.run(script),
            Instruction::Env { name, value } => {
                let value = expand(value, &stage.visible())?;
                let Stage::System(jail) = &mut stage.files else { bail!("a folder has no variables") };
                jail.set_env(name, &value);
                Ok(())
            }
            // CloudNativePG mounts the files; no process runs in such an image.
            Instruction::User(_) => {
                ensure!(matches!(stage.files, Stage::Scratch(_)), "a user is known only for a folder");
                Ok(())
            }
            Instruction::From { .. } | Instruction::Arg { .. } => Ok(()),
        }
    }
}

impl Named {
    /// The variables that an instruction of this stage sees. Those of the image come before those of the build.
    fn visible(&self) -> Variables {
        let mut variables = self.variables.clone();
        if let Stage::System(jail) = &self.files {
            variables.extend(jail.envs());
        }
        variables
    }

    fn run(&self, script: &str) -> Result<()> {
        let Stage::System(jail) = &self.files else { bail!("a folder has no shell") };
        let mut command = jail.command("root", "env");
        command.args(self.visible().iter().map(|(name, value)| format!("{name}={value}")));
        process::output(command.args(["sh", "-c", script])).map(drop)
    }

    fn copy(&self, from: &Path, sources: &[String], target: &str) -> Result<()> {
        let variables = self.visible();
        let target = below(&self.files.root(), &expand(target, &variables)?);
        process::output(apt::as_root("mkdir").arg("--parents").arg(&target))?;
        for source in sources {
            let source = expand(source, &variables)?;
            for file in matching(&below(from, &source))? {
                // Of a folder, which ends with a slash here, the content is copied.
                let file = if source.ends_with('/') { file.join(".") } else { file };
                let mut copy = apt::as_root("cp");
                if source.ends_with('/') {
                    copy.arg("--recursive");
                }
                process::output(copy.arg(file).arg(&target))?;
            }
        }
        if let Stage::Scratch(dir) = &self.files {
            process::output(apt::as_root("chown").arg("-R").arg(Uid::effective().to_string()).arg(dir.path()))?;
        }
        Ok(())
    }
}

fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The files that `pattern`, whose last part may have one `*`, stands for. Without a `*` it is one file, which may be
/// absent.
fn matching(pattern: &Path) -> Result<Vec<PathBuf>> {
    let name = files::name(pattern);
    let found = match name.split_once('*') {
        Some((start, end)) => {
            let mut all = files::entries(pattern.parent().unwrap_or(pattern));
            all.retain(|file| {
                let rest = files::name(file).strip_prefix(start).map(str::to_owned);
                rest.is_some_and(|rest| rest.ends_with(end))
            });
            all
        }
        None => vec![pattern.to_owned()],
    };
    ensure!(!found.is_empty(), "there is no {}", pattern.display());
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_file_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a-15_1.deb"), "").unwrap();
        assert_eq!(matching(&dir.path().join("a-15_*.deb")).unwrap(), [dir.path().join("a-15_1.deb")]);
        assert!(matching(&dir.path().join("a-16_*.deb")).is_err());
    }

    #[test]
    fn a_stage_sees_no_variable_that_it_does_not_declare() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("f-1"), "").unwrap();
        let dockerfile = dir.path().join("Dockerfile");
        let built = |text: &str| {
            fs::write(&dockerfile, text).unwrap();
            let base = |_: &str| -> Result<Stage> { bail!("no image") };
            image(&dockerfile, dir.path(), &Variables::new(), &base)
        };
        assert!(built("ARG A=1\nFROM scratch\nCOPY f-${A} /x/\n").is_err());
        assert!(built("FROM scratch\nRUN true\n").is_err());
        assert!(built("COPY f-1 /x/\n").is_err());
    }
}
