//! Owns the reading of one file of Rust: its modules, what they define and import, and every path that they write.
//!
//! Must never count code of tests, comments or strings, nor know any other file.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree, Visibility};

/// The segments of a path: `["crate", "store", "Fresh"]`. A leading `::` is an empty first segment.
pub type Path = Vec<String>;

/// A module: a file, or a `mod name { … }` in a file.
#[derive(Debug, Default)]
pub struct Module {
    /// Its path below the root of the crate, which is empty.
    pub path: Path,
    /// The names that it defines, except modules.
    pub items: BTreeSet<String>,
    /// Every name that `use` brings in.
    pub imports: Vec<Import>,
    /// Every other path in its code.
    pub mentions: Vec<Mention>,
    /// The modules in files of their own that only tests have.
    pub tests: Vec<Path>,
}

/// One name of a `use` declaration.
#[derive(Debug)]
pub struct Import {
    /// What the module calls it; `None` for `*`.
    pub name: Option<String>,
    /// What it is, as it is written.
    pub path: Path,
    /// Whether others can import it from here.
    pub is_reexport: bool,
    /// Where it is written.
    pub line: usize,
}

/// A path outside of `use`.
#[derive(Debug)]
pub struct Mention {
    /// As it is written.
    pub path: Path,
    /// Where it is written.
    pub line: usize,
}

/// Reads the file with the module `path`; the first of the modules returned is its own.
///
/// # Errors
/// When it is not valid Rust.
pub fn modules(text: &str, path: Path) -> Result<Vec<Module>> {
    let file = syn::parse_file(text).context("cannot be parsed")?;
    let mut reader = Reader { modules: vec![Module { path, ..Module::default() }], current: 0 };
    for item in &file.items {
        reader.visit_item(item);
    }
    Ok(reader.modules)
}

struct Reader {
    modules: Vec<Module>,
    current: usize,
}

impl Reader {
    fn module(&mut self) -> &mut Module {
        &mut self.modules[self.current]
    }

    fn import(&mut self, tree: &UseTree, before: &[String], is_reexport: bool) {
        let mut path = before.to_vec();
        let line = tree.span().start().line;
        let name = match tree {
            UseTree::Path(part) => {
                path.push(part.ident.to_string());
                return self.import(&part.tree, &path, is_reexport);
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.import(tree, before, is_reexport));
            }
            UseTree::Glob(_) => None,
            // `self` in a group is the module before it.
            UseTree::Name(one) if one.ident == "self" && !path.is_empty() => path.last().cloned(),
            UseTree::Rename(one) if one.ident == "self" && !path.is_empty() => Some(one.rename.to_string()),
            UseTree::Name(one) => {
                path.push(one.ident.to_string());
                path.last().cloned()
            }
            UseTree::Rename(one) => {
                path.push(one.ident.to_string());
                Some(one.rename.to_string())
            }
        };
        self.module().imports.push(Import { name, path, is_reexport, line });
    }

    /// Paths in what a macro is given, which has no syntax of its own: names with `::` between them.
    fn mentions_in(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is_colon = |n: usize| matches!(tokens.get(n), Some(TokenTree::Punct(one)) if one.as_char() == ':');
        let is_pair = |n: usize| is_colon(n) && is_colon(n + 1);
        let mut n = 0;
        while n < tokens.len() {
            match &tokens[n] {
                TokenTree::Group(group) => self.mentions_in(group.stream()),
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let mut path = vec![first.to_string()];
                    while is_pair(n + 1)
                        && let Some(TokenTree::Ident(next)) = tokens.get(n + 3)
                    {
                        path.push(next.to_string());
                        n += 3;
                    }
                    self.module().mentions.push(Mention { path, line });
                }
                _ => {}
            }
            n += 1;
        }
    }
}

impl Visit<'_> for Reader {
    fn visit_item(&mut self, item: &Item) {
        if attributes(item).iter().any(is_of_tests) {
            if let Item::Mod(one) = item {
                let path = [&self.module().path[..], &[one.ident.to_string()]].concat();
                self.module().tests.push(path);
            }
            return;
        }
        if let Some(name) = defined(item) {
            self.module().items.insert(name);
        }
        match item {
            Item::Use(one) => {
                let before = if one.leading_colon.is_some() { vec![String::new()] } else { Vec::new() };
                self.import(&one.tree, &before, !matches!(one.vis, Visibility::Inherited));
            }
            Item::Mod(one) => {
                let Some((_, items)) = &one.content else { return };
                let path = [&self.module().path[..], &[one.ident.to_string()]].concat();
                let outside = self.current;
                self.modules.push(Module { path, ..Module::default() });
                self.current = self.modules.len() - 1;
                for item in items {
                    self.visit_item(item);
                }
                self.current = outside;
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_impl_item(&mut self, item: &syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Fn(one) => &one.attrs[..],
            syn::ImplItem::Const(one) => &one.attrs,
            _ => &[],
        };
        if !attributes.iter().any(is_of_tests) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let start = path.leading_colon.map(|_| String::new());
        let names = start.into_iter().chain(path.segments.iter().map(|segment| segment.ident.to_string())).collect();
        let line = path.span().start().line;
        self.module().mentions.push(Mention { path: names, line });
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        self.visit_path(&call.path);
        self.mentions_in(call.tokens.clone());
    }

    // `pub(super)` and `#[doc = "…"]` use nothing.
    fn visit_visibility(&mut self, _: &Visibility) {}
    fn visit_attribute(&mut self, _: &Attribute) {}
}

/// `#[cfg(test)]` and the like.
fn is_of_tests(attribute: &Attribute) -> bool {
    let Ok(list) = attribute.meta.require_list() else { return false };
    let words = list.tokens.to_string();
    let has = |name: &str| words.split(|one: char| !one.is_alphanumeric() && one != '_').any(|word| word == name);
    attribute.path().is_ident("cfg") && has("test") && !has("not")
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(one) => &one.attrs,
        Item::Enum(one) => &one.attrs,
        Item::ExternCrate(one) => &one.attrs,
        Item::Fn(one) => &one.attrs,
        Item::ForeignMod(one) => &one.attrs,
        Item::Impl(one) => &one.attrs,
        Item::Macro(one) => &one.attrs,
        Item::Mod(one) => &one.attrs,
        Item::Static(one) => &one.attrs,
        Item::Struct(one) => &one.attrs,
        Item::Trait(one) => &one.attrs,
        Item::TraitAlias(one) => &one.attrs,
        Item::Type(one) => &one.attrs,
        Item::Union(one) => &one.attrs,
        Item::Use(one) => &one.attrs,
        _ => &[],
    }
}

fn defined(item: &Item) -> Option<String> {
    let name = match item {
        Item::Const(one) => &one.ident,
        Item::Enum(one) => &one.ident,
        Item::Fn(one) => &one.sig.ident,
        Item::Macro(one) => one.ident.as_ref()?,
        Item::Static(one) => &one.ident,
        Item::Struct(one) => &one.ident,
        Item::Trait(one) => &one.ident,
        Item::TraitAlias(one) => &one.ident,
        Item::Type(one) => &one.ident,
        Item::Union(one) => &one.ident,
        _ => return None,
    };
    Some(name.to_string())
}
