//! Owns the reading of one file of Rust: its modules, what they define and import, and every path that they write.
//!
//! It reads tokens, so that it also sees what a macro is given. Must never count code of tests, comments or strings,
//! nor know any other file.

use std::collections::BTreeSet;

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};
use syn::UseTree;
use syn::spanned::Spanned;

/// What stands before the name of an item. `macro_rules` has a `!` in between.
const DEFINING: [&str; 9] = ["const", "enum", "fn", "macro_rules", "static", "struct", "trait", "type", "union"];

/// The segments of a path: `["crate", "store", "Fresh"]`.
pub type Path = Vec<String>;

/// A module: a file, or a `mod name { … }` in a file.
#[derive(Debug, Default)]
pub struct Module {
    /// The number of its file.
    pub file: usize,
    /// Its path below the root of the crate, which is empty.
    pub path: Path,
    /// The names that it defines, except modules.
    pub items: BTreeSet<String>,
    /// Every name that `use` brings in.
    pub imports: Vec<Import>,
    /// Every other path in its code, with its line.
    pub mentions: Vec<(usize, Path)>,
    /// The modules in files of their own that only tests have.
    pub tests: Vec<Path>,
}

/// One name of a `use` declaration.
#[derive(Debug)]
pub struct Import {
    /// What the module calls it; `None` for `*`.
    pub name: Option<String>,
    /// What it is, as it is written. A leading `::` is an empty first segment.
    pub path: Path,
    /// Whether others can import it from here.
    pub is_reexport: bool,
    /// Where it is written.
    pub line: usize,
}

impl Module {
    /// The `use` that brings in `name`.
    pub fn import(&self, name: &str) -> Option<&Import> {
        self.imports.iter().find(|import| import.name.as_deref() == Some(name))
    }

    fn child(&self, name: &str) -> Path {
        [&self.path[..], &[name.to_owned()]].concat()
    }
}

/// Reads the file number `file` with the module `path`; the first of the modules returned is its own.
///
/// # Errors
/// When it does not consist of tokens of Rust.
pub fn modules(text: &str, file: usize, path: Path) -> Result<Vec<Module>> {
    let tokens = text.parse().map_err(|error| anyhow!("cannot be parsed: {error}"))?;
    let mut modules = vec![Module { file, path, ..Module::default() }];
    read(&mut modules, 0, tokens, true);
    Ok(modules)
}

/// Reads the tokens of `modules[this]`: all of them, or those of a group in it. A module in it is added at the end.
fn read(modules: &mut Vec<Module>, this: usize, tokens: TokenStream, is_all: bool) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let words: Vec<_> = tokens.iter().map(word).collect();
    let at = |n: usize| words.get(n).map_or("", String::as_str);
    let is_name = |n: usize| matches!(tokens.get(n), Some(TokenTree::Ident(_)));
    let end_of = |from: usize, ends: &[&str]| (from..words.len()).find(|&n| ends.contains(&at(n))).unwrap_or(from);
    let mut n = 0;
    while let Some(token) = tokens.get(n) {
        let mut length = 1;
        match at(n) {
            "#" if at(n + 1) == "[" && is_of_tests(&tokens[n + 1]) => {
                let end = end_of(n, &[";", "{"]);
                let end = if words[n..end].iter().any(|word| word == "use") { end_of(n, &[";"]) } else { end };
                if at(end) == ";" && at(end - 2) == "mod" {
                    let path = modules[this].child(at(end - 1));
                    modules[this].tests.push(path);
                }
                length = end + 1 - n;
            }
            "#" if at(n + 1) == "[" => length = 2,
            // `pub(super)` uses nothing.
            "pub" if at(n + 1) == "(" => length = 2,
            // The name of a field, a method or a lifetime; or a range.
            "." | "'" => length = 2,
            // A path of another crate, or one that begins with a type.
            "::" => length = 2 + usize::from(is_name(n + 2)),
            "use" if let Some(used) = tokens.get(n + 1..end_of(n, &[";"])).and_then(used) => {
                let is_reexport = words[n.saturating_sub(2)..n].iter().any(|word| word == "pub");
                let before = if at(n + 1) == "::" { vec![String::new()] } else { Path::new() };
                import(&mut modules[this], &used, before, is_reexport);
                length = end_of(n, &[";"]) + 1 - n;
            }
            "mod" if let (true, Some(TokenTree::Group(group))) = (is_name(n + 1), tokens.get(n + 2)) => {
                let (file, path) = (modules[this].file, modules[this].child(at(n + 1)));
                modules.push(Module { file, path, ..Module::default() });
                read(modules, modules.len() - 1, group.stream(), true);
                length = 3;
            }
            "mod" => length = 2,
            keyword if DEFINING.contains(&keyword) && is_all => {
                let name = n + if keyword == "macro_rules" { 2 } else { 1 };
                if is_name(name) && !DEFINING.contains(&at(name)) {
                    modules[this].items.insert(at(name).to_owned());
                    length = name + 1 - n;
                }
            }
            _ => match token {
                TokenTree::Group(group) => read(modules, this, group.stream(), false),
                TokenTree::Ident(first) => {
                    let mut path = vec![first.to_string()];
                    while at(n + length) == "::" && is_name(n + length + 2) {
                        path.push(at(n + length + 2).to_owned());
                        length += 3;
                    }
                    modules[this].mentions.push((first.span().start().line, path));
                }
                _ => {}
            },
        }
        n += length;
    }
}

/// A token in one word: a group is what opens it, and the first half of `::` is both.
fn word(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(group) => match group.delimiter() {
            Delimiter::Brace => "{".to_owned(),
            Delimiter::Bracket => "[".to_owned(),
            Delimiter::Parenthesis | Delimiter::None => "(".to_owned(),
        },
        TokenTree::Punct(mark) if mark.as_char() == ':' && mark.spacing() == Spacing::Joint => "::".to_owned(),
        TokenTree::Literal(_) => String::new(),
        _ => token.to_string(),
    }
}

/// `#[cfg(test)]` and the like.
fn is_of_tests(attribute: &TokenTree) -> bool {
    let text = attribute.to_string();
    let mut words = text.split(|one: char| !one.is_alphanumeric() && one != '_').filter(|word| !word.is_empty());
    words.next() == Some("cfg") && words.clone().any(|word| word == "test") && !words.any(|word| word == "not")
}

/// What follows `use`, which has other meanings too.
fn used(tokens: &[TokenTree]) -> Option<UseTree> {
    let is_colon = |token: &&TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    syn::parse2(tokens.iter().skip_while(is_colon).cloned().collect()).ok()
}

fn import(module: &mut Module, tree: &UseTree, mut path: Path, is_reexport: bool) {
    let (what, name) = match tree {
        UseTree::Path(part) => {
            path.push(part.ident.to_string());
            return import(module, &part.tree, path, is_reexport);
        }
        UseTree::Group(group) => {
            return group.items.iter().for_each(|tree| import(module, tree, path.clone(), is_reexport));
        }
        UseTree::Glob(_) => (None, None),
        UseTree::Name(one) => (Some(&one.ident), Some(&one.ident)),
        UseTree::Rename(one) => (Some(&one.ident), Some(&one.rename)),
    };
    // `self` in a group is the module before it.
    path.extend(what.filter(|what| *what != "self").map(ToString::to_string));
    let name = name.and_then(|name| if name == "self" { path.last().cloned() } else { Some(name.to_string()) });
    module.imports.push(Import { name, path, is_reexport, line: tree.span().start().line });
}
