//! Owns the tour as a film: chapter after chapter, step by step, with rules of CSS alone.
//!
//! Must never move if the reader prefers no motion: then, and where a viewer does not animate CSS, it shows one
//! chapter.

use anyhow::{Context, Result, ensure};

use super::recording::{self, Line, Span};
use super::window::Window;
use crate::{demo::CHAPTER, ink::Style};

/// The most characters of a line.
const COLUMNS: usize = 86;
/// The lines of the window, and how many of them the title takes, with an empty one.
const ROWS: usize = 25;
const TITLE: usize = 2;
/// How long a reader needs for a step, in milliseconds: for each step, and for each character of it.
const STEP: usize = 450;
const READ: usize = 13;
/// How long a chapter stays when it is complete, in milliseconds.
const REST: usize = 2500;

/// Lines that appear together.
struct Step {
    /// The row of the first one.
    row: usize,
    lines: Vec<Line>,
}

/// The chapters called `titles` of the recorded `tour`, as a picture that moves. Where it does not, it shows `still`.
///
/// # Errors
/// When the tour does not have one of them.
pub fn draw(tour: &str, titles: &[&str], still: &str) -> Result<String> {
    let chapters = titles.iter().map(|title| chapter(tour, title)).collect::<Result<Vec<_>>>()?;
    let description = format!("A recording of the tour of cache_pg in psql. Its chapters: {}.", titles.join("; "));
    let mut window = Window::new("make demo", &description, COLUMNS, ROWS);
    let total: usize = chapters.iter().map(|steps| length(steps)).sum();
    let mut css = format!(
        "@media(prefers-reduced-motion:no-preference){{\n.s,.t{{animation:{}s step-end infinite}}.s{{opacity:0}}\n",
        total as f64 / 1000.0
    );
    let mut begin = 0;
    for (number, steps) in chapters.iter().enumerate() {
        let end = begin + length(steps);
        let name = format!("c{number}");
        let shown = if titles[number] == still { "s" } else { "s n" };
        window.style(&format!(".t{number}{{{}}}", Window::up(hidden(steps.last()))));
        css.push_str(&rule(&format!("t{number}"), &scrolling(steps, begin, total)));
        css.push_str(&rule(&name, &visible(begin, end, total)));
        window.open(&format!("{shown} {name}"));
        window.corner(&format!("{} of {}", number + 1, chapters.len()));
        window.lines(0, &[vec![Span { style: Some(Style::Heading), text: titles[number].to_owned() }]]);
        window.close();
        window.clip(TITLE);
        window.open(&format!("t t{number}"));
        let mut at = begin;
        for (place, step) in steps.iter().enumerate() {
            let name = format!("{name}-{place}");
            css.push_str(&rule(&name, &visible(at, end, total)));
            window.open(&format!("{shown} {name}"));
            window.lines(step.row, &step.lines);
            window.close();
            at += time(step);
        }
        window.close();
        window.unclip();
        begin = end;
    }
    window.style(&format!(".n{{opacity:0}}{css}}}"));
    Ok(window.draw())
}

/// An animation of the class `name` with the same name.
fn rule(name: &str, frames: &str) -> String {
    format!(".{name}{{animation-name:{name}}}@keyframes {name}{{{frames}}}\n")
}

/// The frames of what is there from `begin` to `end`.
fn visible(begin: usize, end: usize, total: usize) -> String {
    let hidden = if begin > 0 { "0%{opacity:0}" } else { "" };
    format!("{hidden}{}{{opacity:1}}{}{{opacity:0}}", percent(begin, total), percent(end, total))
}

/// The frames of a chapter that moves up as its steps come.
fn scrolling(steps: &[Step], begin: usize, total: usize) -> String {
    let mut frames = format!("0%{{{}}}", Window::up(0));
    let (mut at, mut last) = (begin, 0);
    for step in steps {
        let rows = hidden(Some(step));
        if rows != last {
            frames.push_str(&format!("{}{{{}}}", percent(at, total), Window::up(rows)));
            last = rows;
        }
        at += time(step);
    }
    frames
}

/// How many rows have left the window above when `step` has come.
fn hidden(step: Option<&Step>) -> usize {
    step.map_or(0, |step| (step.row + step.lines.len()).saturating_sub(ROWS))
}

/// The steps of one chapter: each explanation, each statement, each answer.
fn chapter(tour: &str, title: &str) -> Result<Vec<Step>> {
    let lines: Vec<Line> = tour.lines().map(recording::spans).collect();
    let heading = |line: &Line| {
        let text = recording::plain(line);
        (recording::style(line) == Some(Style::Heading))
            .then(|| text.strip_prefix(CHAPTER).map(str::to_owned))
            .flatten()
    };
    let start = lines.iter().position(|line| heading(line).as_deref() == Some(title));
    let start = start.with_context(|| format!("the tour has no chapter {title:?}"))?;
    let body = lines[start + 1..].iter().take_while(|line| heading(line).is_none());
    let mut steps = Vec::<Step>::new();
    let mut row = TITLE;
    let mut gap = true;
    let mut last = None;
    for line in body {
        if line.is_empty() {
            row += usize::from(!gap);
            gap = true;
            continue;
        }
        let style = recording::style(line);
        if gap || style != last {
            steps.push(Step { row, lines: Vec::new() });
        }
        (gap, last) = (false, style);
        let fitted = recording::fit(line, COLUMNS);
        row += fitted.len();
        steps.last_mut().context("no step")?.lines.extend(fitted);
    }
    ensure!(!steps.is_empty(), "the chapter {title:?} is empty");
    Ok(steps)
}

/// How long a reader needs for a step before the next one may come.
fn time(step: &Step) -> usize {
    let letters: usize =
        step.lines.iter().map(|line| recording::plain(line).chars().filter(|c| c.is_alphanumeric()).count()).sum();
    STEP + letters.min(90) * READ
}

fn length(steps: &[Step]) -> usize {
    steps.iter().map(time).sum::<usize>() + REST
}

fn percent(time: usize, total: usize) -> String {
    format!("{:.2}%", time as f64 * 100.0 / total as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOUR: &str = "\n\x1b[1;36m== One\x1b[0m\n\n\x1b[36mHear.\x1b[0m\n\x1b[1mSELECT 1\x1b[0m\n 1\n\n\
                        \x1b[1;36m== Two\x1b[0m\n\nx\n";

    #[test]
    fn a_chapter_is_cut_into_explanation_statement_and_answer() {
        let steps = chapter(TOUR, "One").unwrap();
        let texts: Vec<_> = steps.iter().map(|step| (step.row, recording::plain(&step.lines[0]))).collect();
        assert_eq!(texts, [(2, "Hear.".to_owned()), (3, "SELECT 1".to_owned()), (4, " 1".to_owned())]);
    }

    #[test]
    fn the_chapters_fill_the_film_and_one_of_them_stands_still() {
        let film = draw(TOUR, &["One", "Two"], "Two").unwrap();
        assert!(film.contains("@keyframes c0{0.00%{opacity:1}") && film.contains("100.00%{opacity:0}"), "{film}");
        assert!(film.contains("class=\"s n c0\"") && film.contains("class=\"s c1\""), "{film}");
        assert!(draw(TOUR, &["Three"], "Three").is_err());
    }
}
