//! Running a block with the tool of its language.
//!
//! Must never run a block that says `no-run`, nor pass over one whose language it does not know.

use std::cell::OnceCell;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, bail};
use xtask::cluster::Cluster;
use xtask::{paths, process};

use crate::block::Block;
use crate::tools::{self, Tools};

/// What came of a block.
#[derive(Debug)]
pub enum Outcome {
    /// It ran; what it printed.
    Ran(String),
    /// A tool is absent; which.
    LeftOut(String),
    /// It says that it is not to be run.
    NotToBeRun,
}

/// Runs the blocks of one page, all against one database.
pub struct Runner<'a> {
    cluster: &'a Cluster,
    page: &'a str,
    database: &'a str,
    languages: &'a Languages,
}

/// What the languages need, found out once for all pages.
pub struct Languages {
    /// The compiled Rust of the pages.
    rust: PathBuf,
    node: OnceCell<Tools>,
    python: OnceCell<Tools>,
}

impl Languages {
    /// `rust` is the program that the Rust of all pages has been compiled to.
    pub fn new(rust: &Path) -> Self {
        Self { rust: rust.to_owned(), node: OnceCell::new(), python: OnceCell::new() }
    }
}

impl<'a> Runner<'a> {
    /// Runs the blocks of `page` against `database`.
    pub fn new(cluster: &'a Cluster, page: &'a str, database: &'a str, languages: &'a Languages) -> Self {
        Self { cluster, page, database, languages }
    }

    /// Runs `block`, which is no `text`.
    ///
    /// # Errors
    /// When it fails, or should fail and does not, or its language is unknown.
    pub fn run(&self, block: &Block) -> Result<Outcome> {
        if block.says("no-run") {
            return Ok(Outcome::NotToBeRun);
        }
        match block.language.as_str() {
            "sql" => self.sql(block).map(Outcome::Ran),
            "rust" => {
                let mut command = Command::new(&self.languages.rust);
                command.arg(block.name(self.page));
                self.program(command).map(Outcome::Ran)
            }
            "ts" => with(self.languages.node.get_or_init(tools::node), |dir| self.typescript(block, dir)),
            "python" => with(self.languages.python.get_or_init(tools::python), |dir| {
                let file = put(dir, &format!("{}.py", self.file(block)), &block.text)?;
                let mut command = Command::new("python3");
                command.arg(file).env("PYTHONPATH", dir);
                self.program(command)
            }),
            other => bail!("nobody knows how to run {other:?}; should it say no-run?"),
        }
    }

    /// A name for the file of a block: `docs_clients_md_120`.
    fn file(&self, block: &Block) -> String {
        block.name(self.page).replace(|c: char| !c.is_alphanumeric(), "_")
    }

    /// psql reads the block as its input, in the root of the project.
    fn sql(&self, block: &Block) -> Result<String> {
        let mut psql = self.cluster.psql_command(self.database);
        psql.current_dir(paths::project()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = psql.spawn().context("cannot run psql")?;
        child.stdin.take().context("psql has no input")?.write_all(block.text.as_bytes())?;
        let output = child.wait_with_output()?;
        let printed = text(&output);
        match (output.status.success(), block.says("error")) {
            (true, false) | (false, true) => Ok(printed),
            (true, true) => bail!("it should have failed, but printed:\n{printed}"),
            (false, false) => bail!("psql says:\n{printed}"),
        }
    }

    /// The compiler checks the types, then node runs what it made of them.
    fn typescript(&self, block: &Block, dir: &Path) -> Result<String> {
        let name = self.file(block);
        let file = put(dir, &format!("{name}.ts"), &block.text)?;
        let checked = Command::new(dir.join("node_modules/.bin/tsc"))
            .args(["--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--types", "node"])
            .arg(file)
            .current_dir(dir)
            .output()?;
        if !checked.status.success() {
            bail!("the TypeScript compiler says:\n{}", text(&checked));
        }
        let mut command = Command::new("node");
        command.arg(format!("{name}.js")).current_dir(dir);
        self.program(command)
    }

    fn program(&self, mut command: Command) -> Result<String> {
        process::output(command.env("DATABASE_URL", self.cluster.url(self.database)?))
    }
}

fn with(tools: &Tools, run: impl FnOnce(&Path) -> Result<String>) -> Result<Outcome> {
    match tools {
        Ok(dir) => run(dir).map(Outcome::Ran),
        Err(why) => Ok(Outcome::LeftOut(why.clone())),
    }
}

fn put(dir: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let file = dir.join(name);
    fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file)
}

/// What a command printed, first its output and then its errors.
fn text(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).concat()
}
