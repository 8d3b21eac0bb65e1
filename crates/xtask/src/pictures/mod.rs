//! Owns `make pictures`: the pictures of the documentation, drawn from a server of their own.
//!
//! Must never show text that the server or the tool did not print.

mod film;
mod load;
mod recording;
mod window;

use std::path::Path;

use anyhow::Result;

use crate::{cluster::Cluster, demo, files, ink::Ink, package, paths, postgres, top};

/// The tour of the demo.
const DEMO: &str = "docs/demo.svg";
/// One frame of `make top`.
const TOP: &str = "docs/top.svg";

/// Draws every picture.
///
/// # Errors
/// When the server cannot be had, a step of the tour fails, or a file cannot be written.
pub fn run() -> Result<()> {
    let installation = postgres::preferred()?;
    package::install(&package::build(&installation)?, &installation)?;
    let cluster = Cluster::builder(&installation).conf("cache_pg.sweep_interval", "1s").start()?;
    println!("The tour takes about fifteen seconds.");
    let tour = demo::record(&cluster)?;
    write(DEMO, &film::draw(&tour, &demo::filmed(), demo::STILL)?)?;
    println!("The cache is under load for {} seconds.", load::SECONDS);
    let (before, now) = load::watch(&cluster)?;
    write(TOP, &still(&top::frame(Some(&before), &now, Ink::new(true))))
}

/// One frame of `make top`.
fn still(frame: &str) -> String {
    let lines: Vec<_> = frame.lines().map(recording::spans).collect();
    let mut window = window::Window::new(
        "make top",
        "One frame of make top: hit ratio, rates, size, the sweeper, latencies, namespaces and health of a cache.",
        top::WIDTH,
        lines.len(),
    );
    window.lines(0, &lines);
    window.draw()
}

fn write(name: &str, picture: &str) -> Result<()> {
    let path: &Path = &paths::project().join(name);
    files::put(picture.as_bytes(), path, 0o644)?;
    println!("{name}: {} bytes", picture.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The text of a picture of the repository, line by line; it must be well-formed.
    fn text(name: &str) -> String {
        let picture = fs::read_to_string(paths::project().join(name)).unwrap();
        assert!(picture.len() < 60_000, "{name} has {} bytes", picture.len());
        let document = roxmltree::Document::parse(&picture).unwrap();
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("img"));
        for described in ["title", "desc"] {
            let found = root.children().find(|child| child.has_tag_name(("http://www.w3.org/2000/svg", described)));
            assert!(found.is_some_and(|it| !it.text().unwrap_or_default().is_empty()), "{name} has no {described}");
        }
        let lines = document.descendants().filter(|it| it.tag_name().name() == "text");
        lines
            .map(|line| {
                line.descendants().filter_map(|it| it.text().filter(|_| it.is_text())).collect::<String>() + "\n"
            })
            .collect()
    }

    #[test]
    fn the_picture_of_the_tour_has_the_chapters_that_are_filmed() {
        let text = text(DEMO);
        let titles = demo::filmed();
        assert!(titles.len() > 3);
        for words in
            titles.iter().chain(&["cache_get(", "cache_set(", "cache_fill(", "cache_watch(", "BEGIN", "COMMIT"])
        {
            assert!(text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn the_picture_of_top_has_every_part_of_a_frame() {
        let text = text(TOP);
        for words in
            ["hit ratio", "per second", "size", "sweeper", "refreshes", "latency", "namespace", "health", "all ok ("]
        {
            assert!(text.contains(words), "{words} in {text}");
        }
    }
}
