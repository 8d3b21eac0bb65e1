//! Owns the colours of a terminal: the kinds of text, and the escape sequence for each.
//!
//! Must never write an escape sequence where there are no colours.

/// The role of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The title of what follows.
    Heading,
    /// An explanation.
    Said,
    /// Text that a person types or copies.
    Bold,
    /// Text that matters less.
    Faint,
    /// A good state.
    Good,
    /// A state that may need a look.
    Doubtful,
    /// A bad state.
    Bad,
}

impl Style {
    /// Every style.
    pub const ALL: [Self; 7] =
        [Self::Heading, Self::Said, Self::Bold, Self::Faint, Self::Good, Self::Doubtful, Self::Bad];

    /// The parameters of its escape sequence (SGR).
    pub fn code(self) -> &'static str {
        match self {
            Self::Heading => "1;36",
            Self::Said => "36",
            Self::Bold => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Doubtful => "33",
            Self::Bad => "1;31",
        }
    }
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug)]
pub struct Ink(bool);

impl Ink {
    /// Colours, or none.
    pub fn new(colours: bool) -> Self {
        Self(colours)
    }

    /// `text` in the colours of `style`. Each line has its own escape sequences, so that it can stand alone.
    pub fn paint(self, style: Style, text: &str) -> String {
        if !self.0 {
            return text.to_owned();
        }
        let painted = |line: &str| match line {
            "" => String::new(),
            line => format!("\x1b[{}m{line}\x1b[0m", style.code()),
        };
        text.split('\n').map(painted).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_painted_by_itself_and_an_empty_one_is_not() {
        assert_eq!(Ink::new(true).paint(Style::Bold, "a\n\nb"), "\x1b[1ma\x1b[0m\n\n\x1b[1mb\x1b[0m");
        assert_eq!(Ink::new(false).paint(Style::Bold, "a"), "a");
    }
}
