//! Owns the graph of a part's files: which file imports from which, and on what line.
//!
//! An import names the file of the longest module path. A name that this file only re-exports is an arrow to both it
//! and the file that defines the name. Must never follow a path into another crate.

use std::collections::BTreeMap;

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
    /// Each module with the number of its file.
    modules: BTreeMap<Path, (usize, Module)>,
}

/// Where a path leads.
struct Found {
    file: usize,
    module: Path,
    /// Whether the module only re-exports it.
    is_facade: bool,
}

impl Graph {
    /// Reads the files of one part. `library` is the name of its crate.
    ///
    /// # Errors
    /// When a file is not valid Rust.
    pub fn read(library: &str, texts: &[Text]) -> Result<Self> {
        let has_library = texts.iter().any(|text| text.inside == "lib.rs");
        let (mut read, mut of_tests) = (Vec::new(), Vec::new());
        for text in texts {
            let modules = syntax::modules(&text.content, module_of(&text.inside, has_library))
                .with_context(|| text.name.clone())?;
            of_tests.extend(modules.iter().flat_map(|module| module.tests.clone()));
            read.push((text, modules));
        }
        read.retain(|(_, modules)| !of_tests.iter().any(|path| modules[0].path.starts_with(path)));
        let mut graph = Self::default();
        let mut names = Names { library, modules: BTreeMap::new() };
        for (number, (text, modules)) in read.into_iter().enumerate() {
            graph.files.push(File { name: text.name.clone(), module: modules[0].path.clone() });
            names.modules.extend(modules.into_iter().map(|module| (module.path.clone(), (number, module))));
        }
        for (number, module) in names.modules.values() {
            for import in &module.imports {
                let found = names.find(module, &import.path, DEPTH);
                graph.check_facades(*number, import.line, &import.path, &found);
                graph.add(*number, import.line, import.is_reexport.then_some(module), found);
            }
            for mention in &module.mentions {
                let found = names.find_mentioned(module, &mention.path);
                // The `use` of an imported name was checked above.
                let name = mention.path.first();
                if !module.imports.iter().any(|import| import.name.as_ref() == name && !names.is_module(module, import))
                {
                    graph.check_facades(*number, mention.line, &mention.path, &found);
                }
                graph.add(*number, mention.line, None, found);
            }
        }
        Ok(graph)
    }

    /// `re_exported_by`: the module of a re-export, which may pass on what its children define without using it.
    fn add(&mut self, from: usize, line: usize, re_exported_by: Option<&Module>, found: Vec<Found>) {
        for Found { file, module, .. } in found.into_iter().filter(|one| one.file != from) {
            let passes_on = re_exported_by.is_some_and(|parent| is_below(&module, &parent.path));
            let arrow = Arrow { line, module: shown(&module), passes_on };
            let known = self.arrows.entry((from, file)).or_insert(arrow);
            known.line = known.line.min(line);
            known.passes_on &= passes_on;
        }
    }

    fn check_facades(&mut self, from: usize, line: usize, path: &[String], found: &[Found]) {
        let Some(origin) = found.last() else { return };
        let file = &self.files[from];
        let facades = found.iter().filter(|one| one.is_facade && is_below(&file.module, &one.module));
        for facade in facades {
            self.faults.push(format!(
                "{}:{line}: {} is re-exported by {}, the facade of this file's own folder: import it from {}",
                file.name,
                path.join("::"),
                self.files[facade.file].name,
                shown(&origin.module),
            ));
        }
    }
}

impl Names<'_> {
    /// As [`Self::find`], outside of `use`. One name alone is a variable, unless it was imported.
    fn find_mentioned(&self, module: &Module, path: &[String]) -> Vec<Found> {
        if path.len() == 1 { self.imported(module, path, DEPTH) } else { self.find(module, path, DEPTH) }
    }

    /// The modules that `path` leads to, written in `module`: facades first, then the module that defines the name.
    /// None when it is local or of another crate.
    fn find(&self, module: &Module, path: &[String], depth: usize) -> Vec<Found> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let is_main = module.path.first().is_some_and(|name| name == MAIN);
        let child = [&module.path[..], std::slice::from_ref(first)].concat();
        match first.as_str() {
            "crate" => self.walk(if is_main { vec![MAIN.to_owned()] } else { Path::new() }, rest, depth),
            "self" => self.walk(module.path.clone(), rest, depth),
            "super" => {
                let ups = path.iter().take_while(|name| *name == "super").count();
                let kept = module.path.len().saturating_sub(ups);
                self.walk(module.path[..kept].to_vec(), &path[ups..], depth)
            }
            _ if self.modules.contains_key(&child) => self.walk(child, rest, depth),
            library if is_main && library == self.library => self.walk(Path::new(), rest, depth),
            _ => self.imported(module, path, depth),
        }
    }

    /// Whether `import` brings in a module, and nothing that stands in one.
    fn is_module(&self, module: &Module, import: &Import) -> bool {
        let found = self.find(module, &import.path, DEPTH);
        found.last().is_some_and(|last| !last.is_facade && last.module.last() == import.path.last())
    }

    /// Where `path` leads from the module `start`.
    fn walk(&self, start: Path, path: &[String], depth: usize) -> Vec<Found> {
        let (mut at, mut rest) = (start, path);
        while let Some((first, after)) = rest.split_first() {
            let child = [&at[..], std::slice::from_ref(first)].concat();
            if !self.modules.contains_key(&child) {
                break;
            }
            (at, rest) = (child, after);
        }
        let Some((file, module)) = self.modules.get(&at) else { return Vec::new() };
        let origin = self.imported(module, rest, depth);
        let here = Found { file: *file, module: at, is_facade: origin.iter().any(|one| one.file != *file) };
        std::iter::once(here).chain(origin).collect()
    }

    /// Where `path` leads when `module` imports its first name, and does not define it.
    fn imported(&self, module: &Module, path: &[String], depth: usize) -> Vec<Found> {
        let Some((first, rest)) = path.split_first().filter(|_| depth > 0) else { return Vec::new() };
        if module.items.contains(first) {
            return Vec::new();
        }
        if let Some(import) = module.imports.iter().find(|import| import.name.as_ref() == Some(first)) {
            return self.find(module, &[&import.path[..], rest].concat(), depth - 1);
        }
        let globs = module.imports.iter().filter(|import| import.name.is_none());
        for glob in globs.filter(|glob| glob.path.first() != Some(first)) {
            let Some(target) = self.find(module, &glob.path, depth - 1).pop() else { continue };
            let Some((_, there)) = self.modules.get(&target.module) else { continue };
            let imports = there.imports.iter().any(|import| import.name.as_ref() == Some(first));
            if there.items.contains(first) || imports {
                return self.walk(target.module, path, depth - 1);
            }
        }
        Vec::new()
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
        _ => {
            let path = inside.trim_end_matches(".rs");
            path.trim_end_matches("/mod").split('/').map(str::to_owned).collect()
        }
    }
}
