//! Owns the text of a frame, line by line.
//!
//! Must never know what the lines say.

use std::fmt::Write;

use crate::ink::{Ink, Style};

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
