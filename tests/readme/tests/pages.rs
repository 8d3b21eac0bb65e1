//! What holds for the pages as texts: their links lead somewhere, and the README is short.

use anyhow::Result;
use cache_pg_readme_tests::{link, page, pages, table};
use xtask::paths::project;

/// The most lines of the README, and of its tour.
const README_LINES: usize = 300;
const TOUR_LINES: usize = 60;

#[test]
fn links_lead_somewhere() -> Result<()> {
    let mut all = pages()?;
    for name in ["CONTRIBUTING.md", "DESIGN.md", "SECURITY.md", "CHANGELOG.md"] {
        all.push(page(name)?);
    }
    let dead: Vec<String> = all.iter().flat_map(|page| link::dead(project(), page)).collect();
    assert!(dead.is_empty(), "{}", dead.join("\n"));
    Ok(())
}

#[test]
fn every_page_is_linked_from_the_readme() -> Result<()> {
    let readme = page("README.md")?.text;
    for page in pages()?.iter().skip(1) {
        assert!(readme.contains(&format!("]({})", page.name)), "{}", page.name);
    }
    Ok(())
}

#[test]
fn the_readme_and_its_tour_are_short() -> Result<()> {
    let readme = page("README.md")?.text;
    let lines = readme.lines().count();
    assert!(lines <= README_LINES, "the README has {lines} lines");
    let tour = table::section(&readme, "A tour").map_or(usize::MAX, |tour| tour.lines().count());
    assert!(tour <= TOUR_LINES, "its tour has {tour} lines");
    Ok(())
}
