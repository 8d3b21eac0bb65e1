//! Owns a terminal's window as SVG.
//!
//! Must never need a font, a script or another file: a page shows the picture as an image. The window has a dark
//! background of its own, so that it is legible on a light page and on a dark one.

use std::fmt::Write;

use super::recording::{Line, Span};
use crate::ink::Style;

/// The width of a character and the height of a line, in pixels at a font of 14.
const CHARACTER: f64 = 8.43;
const LINE: usize = 19;
/// The room around the text, and the height of the bar above it.
const MARGIN: usize = 20;
const BAR: usize = 36;

/// The colours, by the names of the classes.
const CSS: &str = "\
text{font:14px ui-monospace,SFMono-Regular,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace;\
fill:#c9d1d9;white-space:pre}\
.h{fill:#79c0ff;font-weight:700}.e{fill:#a5d6ff}.b{fill:#f0f6fc;font-weight:700}.f{fill:#8b949e}.g{fill:#7ee787}\
.d{fill:#e3b341}.x{fill:#ff7b72;font-weight:700}";

/// A window that is being drawn.
pub struct Window {
    title: String,
    description: String,
    width: usize,
    height: usize,
    css: String,
    body: String,
}

impl Window {
    /// An empty window with room for `rows` lines of `columns` characters. `description` is for those who cannot see
    /// the picture.
    pub fn new(title: &str, description: &str, columns: usize, rows: usize) -> Self {
        Self {
            title: title.to_owned(),
            description: description.to_owned(),
            width: (columns as f64 * CHARACTER).ceil() as usize + 2 * MARGIN,
            height: rows * LINE + BAR + 2 * MARGIN - 4,
            css: CSS.to_owned(),
            body: String::new(),
        }
    }

    /// Adds rules for the elements of the body.
    pub fn style(&mut self, css: &str) {
        self.css.push_str(css);
    }

    /// Opens a group of classes; [`close`](Self::close) closes it.
    pub fn open(&mut self, classes: &str) {
        self.body.push_str(&format!("<g class=\"{classes}\">\n"));
    }

    /// From here on nothing is drawn above row `first`, up to [`unclip`](Self::unclip).
    pub fn clip(&mut self, first: usize) {
        let top = BAR + MARGIN + first * LINE - 4;
        let (width, height) = (self.width - 2, self.height - top - 2);
        let view = format!(
            "<svg x=\"1\" y=\"{top}\" width=\"{width}\" height=\"{height}\" viewBox=\"1 {top} {width} {height}\">\n"
        );
        self.body.push_str(&view);
    }

    /// Ends what [`clip`](Self::clip) has begun.
    pub fn unclip(&mut self) {
        self.body.push_str("</svg>\n");
    }

    /// The rule that moves text up by `rows`.
    pub fn up(rows: usize) -> String {
        format!("transform:translateY(-{}px)", rows * LINE)
    }

    /// Closes the group.
    pub fn close(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// Words at the right end of the bar.
    pub fn corner(&mut self, words: &str) {
        let x = self.width - MARGIN;
        let text = format!("<text class=\"f\" x=\"{x}\" y=\"23\" text-anchor=\"end\">{}</text>\n", escaped(words));
        self.body.push_str(&text);
    }

    /// Lines of text from row `first` on, counted from 0.
    pub fn lines(&mut self, first: usize, lines: &[Line]) {
        for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
            let y = BAR + MARGIN + (first + number) * LINE + 12;
            let spans: String = line.iter().map(span).collect();
            // Writing to a String does not fail.
            let _ = writeln!(self.body, "<text x=\"{MARGIN}\" y=\"{y}\">{spans}</text>");
        }
    }

    /// The picture.
    pub fn draw(self) -> String {
        let Self { title, description, width, height, css, body } = self;
        let (title, description) = (escaped(&title), escaped(&description));
        let middle = width / 2;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
             viewBox=\"0 0 {width} {height}\" xml:space=\"preserve\" role=\"img\" aria-labelledby=\"title desc\">\n\
             <title id=\"title\">{title}</title>\n<desc id=\"desc\">{description}</desc>\n<style>{css}</style>\n\
             <rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"#161b22\" stroke=\"#3d444d\"/>\n\
             <path d=\"M1 {BAR}.5h{}\" stroke=\"#30363d\"/>\n\
             <circle cx=\"20\" cy=\"18\" r=\"6\" fill=\"#ff5f57\"/><circle cx=\"40\" cy=\"18\" r=\"6\" fill=\"#febc2e\"/>\
             <circle cx=\"60\" cy=\"18\" r=\"6\" fill=\"#28c840\"/>\n\
             <text x=\"{middle}\" y=\"23\" text-anchor=\"middle\" class=\"f\">{title}</text>\n{body}</svg>\n",
            width - 1,
            height - 1,
            width - 2,
        )
    }
}

/// The class of a style.
fn class(style: Style) -> char {
    match style {
        Style::Heading => 'h',
        Style::Said => 'e',
        Style::Bold => 'b',
        Style::Faint => 'f',
        Style::Good => 'g',
        Style::Doubtful => 'd',
        Style::Bad => 'x',
    }
}

fn span(span: &Span) -> String {
    let text = escaped(&span.text);
    span.style.map_or_else(|| text.clone(), |style| format!("<tspan class=\"{}\">{text}</tspan>", class(style)))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::recording::spans;
    use super::*;

    #[test]
    fn a_window_is_well_formed_whatever_it_shows() {
        let mut window = Window::new("a & b", "\"<c>\"", 80, 2);
        window.open("one");
        window.lines(0, &[spans("\x1b[1;31ma < b\x1b[0m && 'c'"), spans("")]);
        window.corner("1 > 0");
        window.close();
        let picture = window.draw();
        let document = roxmltree::Document::parse(&picture).unwrap();
        let texts: Vec<_> = document.descendants().filter(|it| it.is_text()).filter_map(|it| it.text()).collect();
        for words in ["a & b", "\"<c>\"", "a < b", " && 'c'", "1 > 0"] {
            assert!(texts.contains(&words), "{words} in {texts:?}");
        }
    }
}
