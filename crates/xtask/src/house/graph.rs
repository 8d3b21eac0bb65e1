//! Owns the graph of a part's files: which file imports from which, and on what line.
//!
//! An import names the file of the longest module path. A name that this file only re-exports is an arrow to both it
//! and the file that defines the name. Must never follow a path into another crate.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::syntax::{self, Import, Module, Path};

/// How many `use` declarations one name may lead through.
const DEPTH: usize = 16;
/// The module of a `main.rs` that has a library beside it: a crate of its own.
const MAIN: &str = "main.rs";

/// A file to be read.
#[derive(Debug)]
pub struct Text {
    /// Its path from the root of the project.
    pub name: String,
    /// Its path from the part's `src`.
    pub inside: String,
    /// All of it.
    pub content: String,
}

/// A file of a part.
#[derive(Debug)]
pub struct File {
    /// Its path from the root of the project.
    pub name: String,
    /// Its module, which is empty for `lib.rs`.
    pub module: Path,
}

/// What one file imports from another.
#[derive(Debug)]
pub struct Arrow {
    /// The first line that says so.
    pub line: usize,
    /// The module that it names: `crate::store::fill`.
    pub module: String,
    /// Whether a module merely passes on what its own folder defines.
    pub passes_on: bool,
}

/// The files and the arrows between them.
#[derive(Debug, Default)]
pub struct Graph {
    /// In the order of their names.
    pub files: Vec<File>,
    /// From the number of one file to the number of another.
    pub arrows: BTreeMap<(usize, usize), Arrow>,
    /// Imports through the facade of the folder that the file is in.
    pub faults: Vec<String>,
}

/// What each path of a crate leads to.
struct Names<'a> {
    /// The name by which `main.rs` knows the library beside it.
    library: &'a str,
    modules: BTreeMap<Path, Module>,
}

impl Graph {
    /// Reads the files of one part. `library` is the name of its crate.
    ///
    /// # Errors
    /// When a file is not valid Rust.
    pub fn read(library: &str, texts: &[Text]) -> Result<Self> {
        let has_library = texts.iter().any(|text| text.inside == "lib.rs");
        let mut read = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let module = module_of(&text.inside, has_library);
            read.push(syntax::modules(&text.content, number, module).with_context(|| text.name.clone())?);
        }
        let of_tests: BTreeSet<_> = read.iter().flatten().flat_map(|module| module.tests.clone()).collect();
        let file =
            |(text, modules): (&Text, &Vec<Module>)| File { name: text.name.clone(), module: modules[0].path.clone() };
        let mut graph = Self { files: texts.iter().zip(&read).map(file).collect(), ..Self::default() };
        let modules = read.into_iter().flatten().map(|module| (module.path.clone(), module));
        let is_of_tests = |path: &Path| of_tests.iter().any(|test| path.starts_with(test));
        let names = Names { library, modules: modules.filter(|(path, _)| !is_of_tests(path)).collect() };
        for module in names.modules.values() {
            for import in &module.imports {
                let found = names.find(module, &import.path, DEPTH);
                graph.check_facades(module.file, import.line, &import.path, &found);
                graph.add(module.file, import.line, import.is_reexport.then_some(module), &found);
            }
            for (line, path) in &module.mentions {
                // One name alone is a variable, unless it was imported.
                let alone = path.len() == 1;
                let found = if alone { names.imported(module, path, DEPTH) } else { names.find(module, path, DEPTH) };
                // The `use` of an imported name was checked above.
                if module.import(&path[0]).is_none_or(|import| names.is_module(module, import)) {
                    graph.check_facades(module.file, *line, path, &found);
                }
                graph.add(module.file, *line, None, &found);
            }
        }
        Ok(graph)
    }

    /// `re_exported_by`: the module of a re-export, which may pass on what its children define without using it.
    fn add(&mut self, from: usize, line: usize, re_exported_by: Option<&Module>, found: &[&Module]) {
        for to in found.iter().filter(|to| to.file != from) {
            let passes_on = re_exported_by.is_some_and(|parent| is_below(&to.path, &parent.path));
            let arrow = Arrow { line, module: shown(&to.path), passes_on };
            let known = self.arrows.entry((from, to.file)).or_insert(arrow);
            known.line = known.line.min(line);
            known.passes_on &= passes_on;
        }
    }

    fn check_facades(&mut self, from: usize, line: usize, path: &[String], found: &[&Module]) {
        let Some(origin) = found.last() else { return };
        let file = &self.files[from];
        let is_facade = |one: &&&Module| one.file != origin.file && is_below(&file.module, &one.path);
        for facade in found.iter().filter(is_facade) {
            self.faults.push(format!(
                "{}:{line}: {} is re-exported by {}, the facade of this file's own folder: import it from {}",
                file.name,
                path.join("::"),
                self.files[facade.file].name,
                shown(&origin.path),
            ));
        }
    }
}

impl Names<'_> {
    /// The modules that `path` leads to, written in `module`: facades first, then the module that defines the name.
    /// None when it is local or of another crate.
    fn find(&self, module: &Module, path: &[String], depth: usize) -> Vec<&Module> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let is_main = module.path.first().is_some_and(|name| name == MAIN);
        let child = [&module.path[..], std::slice::from_ref(first)].concat();
        match first.as_str() {
            "crate" => self.walk(&module.path[..usize::from(is_main)], rest, depth),
            "self" | "super" => self.walk(&module.path, path, depth),
            _ if self.modules.contains_key(&child) => self.walk(&child, rest, depth),
            library if is_main && library == self.library => self.walk(&[], rest, depth),
            _ => self.imported(module, path, depth),
        }
    }

    /// Whether `import` brings in a module, and nothing that stands in one.
    fn is_module(&self, module: &Module, import: &Import) -> bool {
        self.find(module, &import.path, DEPTH).last().is_some_and(|last| last.path.last() == import.path.last())
    }

    /// Where `path` leads from the module `start`.
    fn walk(&self, start: &[String], path: &[String], depth: usize) -> Vec<&Module> {
        let (mut at, mut rest) = (start.to_vec(), path);
        while let Some((first, after)) = rest.split_first() {
            match first.as_str() {
                "self" => {}
                "super" => at.truncate(at.len().saturating_sub(1)),
                _ => at.push(first.clone()),
            }
            if !self.modules.contains_key(&at) {
                at.pop();
                break;
            }
            rest = after;
        }
        let Some(here) = self.modules.get(&at) else { return Vec::new() };
        std::iter::once(here).chain(self.imported(here, rest, depth)).collect()
    }

    /// Where `path` leads when `module` imports its first name, and does not define it.
    fn imported(&self, module: &Module, path: &[String], depth: usize) -> Vec<&Module> {
        let Some((first, rest)) = path.split_first().filter(|_| depth > 0) else { return Vec::new() };
        if module.items.contains(first) {
            return Vec::new();
        }
        if let Some(import) = module.import(first) {
            return self.find(module, &[&import.path[..], rest].concat(), depth - 1);
        }
        let globs = module.imports.iter().filter(|import| import.name.is_none() && import.path.first() != Some(first));
        let mut targets = globs.filter_map(|glob| self.find(module, &glob.path, depth - 1).pop());
        let target = targets.find(|there| there.items.contains(first) || there.import(first).is_some());
        target.map_or_else(Vec::new, |there| self.walk(&there.path, path, depth - 1))
    }
}

/// Whether `module` is in the folder of `parent`. The program beside a library is not.
fn is_below(module: &[String], parent: &[String]) -> bool {
    module.len() > parent.len() && module.starts_with(parent) && module.first().is_some_and(|name| name != MAIN)
}

fn shown(module: &[String]) -> String {
    std::iter::once("crate").chain(module.iter().map(String::as_str)).collect::<Vec<_>>().join("::")
}

/// The module of a file of `src`: `["store", "fill"]` for `store/fill.rs`.
fn module_of(inside: &str, has_library: bool) -> Path {
    match inside {
        "lib.rs" => Path::new(),
        "main.rs" if has_library => vec![MAIN.to_owned()],
        "main.rs" => Path::new(),
        _ => inside.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(str::to_owned).collect(),
    }
}
