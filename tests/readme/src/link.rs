//! The links of a Markdown text, and where they lead.
//!
//! Must never follow a link out of the project.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::page::Page;

/// What stands in the text of `page` between `](` and `)`, with its line. Code is left out.
fn links(page: &Page) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in prose(&page.text) {
        let plain: String = line.split('`').step_by(2).collect();
        let targets = plain.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        found.extend(targets.map(|target| (number, target.to_owned())));
    }
    found
}

/// The lines that are in no code block, with their numbers from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        (!inside && !fence).then_some((at + 1, line))
    })
}

/// The anchors of a text, as GitHub makes them of headings: a title that comes again gets a number.
pub fn anchors(text: &str) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    headings
        .map(|(_, heading)| {
            let title = heading.trim_start_matches('#').trim().to_lowercase();
            let anchor = title
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .collect::<String>()
                .replace(' ', "-");
            let times = seen.entry(anchor.clone()).or_default();
            *times += 1;
            if *times == 1 { anchor } else { format!("{anchor}-{}", *times - 1) }
        })
        .collect()
}

/// The links of `page` that lead nowhere, each with its line. A link to another file of the project must name a file
/// that exists, and an anchor a heading of that file.
pub fn dead(project: &Path, page: &Page) -> Vec<String> {
    let is_dead = |target: &str| {
        if target.starts_with("https://") {
            return false;
        }
        let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
        let Some(file) = resolved(&page.name, path) else { return true };
        let Some(anchor) = anchor else { return !project.join(file).exists() };
        std::fs::read_to_string(project.join(file)).map_or(true, |text| !anchors(&text).iter().any(|one| one == anchor))
    };
    links(page)
        .into_iter()
        .filter(|(_, target)| is_dead(target))
        .map(|(line, target)| format!("{}:{line}: {target} leads nowhere", page.name))
        .collect()
}

/// The path from the root of the project that `path` means in the file `from`; none if it leads out of the project.
fn resolved(from: &str, path: &str) -> Option<PathBuf> {
    if path.is_empty() {
        return Some(PathBuf::from(from));
    }
    let mut resolved = Path::new(from).parent()?.to_path_buf();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
    }

    fn dead_of(name: &str, text: &str) -> Vec<String> {
        dead(&project(), &Page { name: name.to_owned(), text: text.to_owned() })
    }

    #[test]
    fn a_link_to_a_file_or_a_heading_that_exists_is_not_dead() {
        let links = "[a](../README.md) [b](freshness.md#tags) [c](https://example.com) ![d](../LICENSE) [e](../docs)";
        assert!(dead_of("docs/x.md", links).is_empty());
        assert!(dead_of("README.md", "[a](docs/freshness.md#what-is-guaranteed)").is_empty());
    }

    #[test]
    fn a_link_to_a_file_that_is_absent_is_dead() {
        assert_eq!(dead_of("docs/x.md", "a\n[b](none.md)"), ["docs/x.md:2: none.md leads nowhere"]);
        assert_eq!(dead_of("docs/x.md", "[b](README.md) ![c](none.svg)").len(), 2);
        assert_eq!(dead_of("docs/x.md", "[a](../../other/README.md) [b](/etc/passwd)").len(), 2);
    }

    #[test]
    fn a_link_to_an_anchor_that_is_absent_is_dead() {
        assert_eq!(dead_of("docs/x.md", "[a](freshness.md#none)"), ["docs/x.md:1: freshness.md#none leads nowhere"]);
        assert_eq!(dead_of("README.md", "[b](README.md#none)").len(), 1);
    }

    #[test]
    fn code_has_no_links() {
        assert!(dead_of("docs/x.md", "`a[0](none)`\n```sh\n[b](none.md)\n```\n").is_empty());
    }

    #[test]
    fn anchors_are_those_of_headings_outside_of_code() {
        let text = "# One two\n```sh\n# a comment\n```\n## With `code`, and more\n### One two\n";
        assert_eq!(anchors(text), ["one-two", "with-code-and-more", "one-two-1"]);
    }
}
