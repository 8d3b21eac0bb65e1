//! Owns the text of a frame, line by line, and numbers as a person reads them.
//!
//! Must never know what the lines say, nor show a number as 0 that is not 0, or 0 as another number.

use std::fmt::Write;

use crate::ink::{Ink, Style};

/// The most characters of a line.
pub const WIDTH: usize = 100;

/// The lines of a picture that are written so far.
pub(super) struct Text {
    ink: Ink,
    text: String,
}

impl Text {
    /// No line yet.
    pub(super) fn new(ink: Ink) -> Self {
        Self { ink, text: String::new() }
    }

    /// `text` in the colours of `style`, to be put into a line.
    pub(super) fn paint(&self, style: Style, text: &str) -> String {
        self.ink.paint(style, text)
    }

    /// A line that begins with the name of what it shows.
    pub(super) fn named(&mut self, name: &str, words: &str) {
        let name = self.paint(Style::Bold, &format!("{name:<11}"));
        self.line(&format!("{name}{words}"));
    }

    /// A line.
    pub(super) fn line(&mut self, words: &str) {
        // Writing to a String does not fail.
        let _ = writeln!(self.text, "{words}");
    }

    /// An empty line and a heading.
    pub(super) fn heading(&mut self, words: &str) {
        let words = self.paint(Style::Heading, words);
        self.line(&format!("\n{words}"));
    }

    /// All lines.
    pub(super) fn finish(self) -> String {
        self.text
    }
}

/// A share of 1.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

/// A count, or a count a second.
pub fn short(number: f64) -> String {
    match number {
        number if number > 0.0 && number < 9.95 && number.fract() > 0.05 => format!("{number:.1}"),
        number if number < 9_999.5 => format!("{number:.0}"),
        number if number < 9_999_500.0 => format!("{:.1}k", number / 1e3),
        number => format!("{:.1}M", number / 1e6),
    }
}

/// Milliseconds.
pub fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.1} us", ms * 1e3),
        ms if ms < 1e3 => format!("{ms:.1} ms"),
        ms if ms < 120e3 => format!("{:.1} s", ms / 1e3),
        ms => format!("{:.0} min", ms / 60e3),
    }
}

/// A size.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        bytes if bytes < 10_240 => format!("{bytes} B"),
        bytes if bytes < 10_485_760 => format!("{} kB", bytes / 1024),
        bytes => format!("{} MB", bytes / 1_048_576),
    }
}

/// Lines of no more than `width` characters; a longer word stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::<String>::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_that_fits() {
        assert_eq!([0.0, 0.5, 7.0, 4321.0, 50_000.0, 2e7].map(short), ["0", "0.5", "7", "4321", "50.0k", "20.0M"]);
        assert_eq!([0.002, 0.5, 70.0, 1500.0, 600e3].map(time), ["2.0 us", "500.0 us", "70.0 ms", "1.5 s", "10 min"]);
        assert_eq!([120, 20_480, 314_572_800].map(bytes), ["120 B", "20 kB", "300 MB"]);
        assert_eq!([Some(0.5), None].map(percent), ["50.0 %", "-"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""; 0]);
    }
}
