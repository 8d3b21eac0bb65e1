//! The pages: the README, and every Markdown file of `docs`.
//!
//! Must need nothing but the standard library: the build script lists the pages with it too.

use std::fs;
use std::io;
use std::path::Path;

/// A Markdown file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its path from the root of the project, such as `docs/clients.md`.
    pub name: String,
    /// Its text.
    pub text: String,
}

impl Page {
    /// The page with this path below `project`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(project: &Path, name: &str) -> io::Result<Self> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("cannot read {name}: {error}"));
        Ok(Self { name: name.to_owned(), text: fs::read_to_string(project.join(name)).map_err(named)? })
    }
}

/// All pages of `project`: the README first, then `docs` in the order of their names.
///
/// # Errors
/// When one cannot be read.
pub fn all(project: &Path) -> io::Result<Vec<Page>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(project.join("docs"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    names.insert(0, "README.md".to_owned());
    names.iter().map(|name| Page::read(project, name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_comes_first_and_then_each_markdown_file_of_docs() {
        let pages = all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(names[0], "README.md");
        assert!(names.contains(&"docs/reference.md") && names.is_sorted());
        assert!(!pages.iter().any(|page| page.text.is_empty()));
    }

    #[test]
    fn a_page_that_is_absent_is_named() {
        let error = Page::read(Path::new("/"), "docs/none.md").unwrap_err().to_string();
        assert!(error.contains("cannot read docs/none.md"), "{error}");
    }
}
