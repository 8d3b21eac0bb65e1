//! Owns the reading of what was printed to a terminal: from escape sequences to lines of styled text.
//!
//! Must never lose a character, except where a line is cut at the width and says so.

use crate::ink::Style;

/// A piece of a line in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its style; None: as plain text.
    pub style: Option<Style>,
    /// Its text.
    pub text: String,
}

/// A line without its newline.
pub type Line = Vec<Span>;

/// Reads one line. A style that [`Style`] does not have is plain.
pub fn spans(line: &str) -> Line {
    let mut style = None;
    let mut spans = Line::new();
    for (number, piece) in line.split("\x1b[").enumerate() {
        let text = match (number, piece.split_once('m')) {
            (1.., Some((code, text))) => {
                style = Style::ALL.into_iter().find(|style| style.code() == code);
                text
            }
            _ => piece,
        };
        if !text.is_empty() {
            spans.push(Span { style, text: text.to_owned() });
        }
    }
    spans
}

/// The text of a line without its styles.
pub fn plain(line: &[Span]) -> String {
    line.iter().map(|span| span.text.as_str()).collect()
}

/// The style of a line that has one from end to end.
pub fn style(line: &[Span]) -> Option<Style> {
    if let [span] = line { span.style } else { None }
}

/// Lines of at most `width` characters, made of one line of one style. Sentences and statements are broken between
/// words, and the rest of a statement is indented; the rows of a table, which psql begins with a space or a rule, are
/// cut and end in `…`.
pub fn fit(line: &Line, width: usize) -> Vec<Line> {
    let text = plain(line);
    if text.chars().count() <= width {
        return vec![line.clone()];
    }
    let style = style(line);
    let made = |text: String| vec![Span { style, text }];
    if style.is_none() && text.starts_with([' ', '-']) {
        return vec![made(cut(text, width))];
    }
    let typed = style == Some(Style::Bold);
    let start = text.len() - text.trim_start().len();
    let mut lines = vec![text[..start].to_owned()];
    for word in text.trim_start().split(' ') {
        let last = lines.last_mut().map_or(0, |line| line.chars().count());
        if last + 1 + word.chars().count() > width {
            lines.push(if typed { " ".repeat(4) } else { String::new() });
        }
        let Some(line) = lines.last_mut() else { continue };
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.into_iter().map(|text| made(cut(text, width))).collect()
}

fn cut(text: String, width: usize) -> String {
    if text.chars().count() <= width { text } else { text.chars().take(width - 1).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str, width: usize) -> Vec<String> {
        fit(&spans(line), width).iter().map(|line| plain(line)).collect()
    }

    #[test]
    fn a_line_is_read_with_its_styles() {
        let line = spans("a \x1b[32mgood\x1b[0m end");
        let styles: Vec<_> = line.iter().map(|span| (span.style, span.text.as_str())).collect();
        assert_eq!(styles, [(None, "a "), (Some(Style::Good), "good"), (None, " end")]);
        assert_eq!(spans(""), []);
    }

    #[test]
    fn sentences_break_between_words_and_rows_are_cut() {
        assert_eq!(texts("one two three", 8), ["one two", "three"]);
        assert_eq!(texts("\x1b[1mSELECT 1 AS one\x1b[0m", 10), ["SELECT 1", "    AS one"]);
        assert_eq!(texts(" f | abcdef", 8), [" f | ab…"]);
        assert_eq!(texts("short", 8), ["short"]);
        assert_eq!(texts("a incomprehensible", 8), ["a", "incompr…"]);
    }
}
