//! Owns templates of keys and tags: in `tenant:{slug}` the value of the row's column `slug` replaces `{slug}`.
//!
//! It holds the syntax, how a row fills a template, and which keys can result. Must never know where a column's value
//! comes from. A name in braces is a column's name, as in the catalogs; `{{` and `}}` are braces.

use crate::key::{Key, KeyError};

/// Why a text is not a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A `{` without its `}`, or with another `{` before it; where, in bytes from the start.
    #[error("the \"{{\" at byte {0} has no closing brace")]
    Unclosed(usize),
    /// A `}` that closes nothing; where.
    #[error("the \"}}\" at byte {0} has no opening brace")]
    Unopened(usize),
    /// `{}`; where.
    #[error("the braces at byte {0} contain no column name")]
    NoColumn(usize),
    /// No values of the columns make a valid key.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Column(String),
}

/// A template that some row makes a valid key of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// The keys that can result from a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// This one, for every row.
    Key(String),
    /// Keys of this namespace.
    Namespace(String),
    /// Any key.
    All,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// The first [`TemplateError`] that applies.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let offset = text.len() - rest.len() + at;
            let (before, brace) = rest.split_at(at);
            plain.push_str(before);
            if brace.starts_with("{{") || brace.starts_with("}}") {
                plain.push_str(&brace[..1]);
                rest = &brace[2..];
                continue;
            }
            let Some(column) = brace.strip_prefix('{') else {
                return Err(TemplateError::Unopened(offset));
            };
            let name = match column.find(['{', '}']) {
                Some(end) if column[end..].starts_with('}') => &column[..end],
                _ => return Err(TemplateError::Unclosed(offset)),
            };
            if name.is_empty() {
                return Err(TemplateError::NoColumn(offset));
            }
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Column(name.to_owned()));
            rest = &column[name.len() + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        let template = Self { parts };
        template.check()?;
        Ok(template)
    }

    /// Refuses a template that makes no valid key even where every column is one letter.
    fn check(&self) -> Result<(), KeyError> {
        let mut shortest = String::new();
        self.fill(&mut shortest, |_| Some("x"));
        let columns = self.columns().count();
        match Key::parse(&shortest) {
            // A column may be empty.
            Err(KeyError::TooLong { bytes }) if bytes - columns <= crate::key::MAX_KEY_BYTES => Ok(()),
            other => other.map(|_| ()),
        }
    }

    /// Its columns, from left to right; one may come twice.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether every row gives the same key.
    pub fn is_constant(&self) -> bool {
        self.columns().next().is_none()
    }

    /// Fills the template into `filled` with the column values that `column` returns. Returns false where one of them
    /// is NULL; `filled` is then undefined.
    pub fn fill<'v>(&self, filled: &mut String, column: impl Fn(&str) -> Option<&'v str>) -> bool {
        filled.clear();
        self.parts.iter().all(|part| {
            let text = match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Column(name) => column(name),
            };
            text.inspect(|text| filled.push_str(text)).is_some()
        })
    }

    /// The keys that can come of it.
    pub fn reach(&self) -> Reach {
        match self.parts.as_slice() {
            [Part::Text(key)] => Reach::Key(key.clone()),
            [Part::Text(prefix), ..] => match prefix.split_once(':') {
                Some((namespace, _)) => Reach::Namespace(namespace.to_owned()),
                // The column's value may contain the `:`.
                None => Reach::All,
            },
            _ => Reach::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::namespace::Namespace;
    use proptest::prelude::*;

    fn columns(text: &str) -> Vec<String> {
        Template::parse(text).unwrap().columns().map(str::to_owned).collect()
    }

    fn filled(text: &str, values: &[(&str, Option<&str>)]) -> Option<String> {
        let mut filled = String::from("left over");
        let value = |name: &str| values.iter().find(|(column, _)| *column == name).and_then(|(_, value)| *value);
        Template::parse(text).unwrap().fill(&mut filled, value).then_some(filled)
    }

    #[test]
    fn columns_are_replaced_by_what_the_row_has() {
        let row = [("slug", Some("a")), ("Id", Some("7")), ("none", None), ("", Some("!"))];
        assert_eq!(filled("tenant:{slug}", &row), Some("tenant:a".into()));
        assert_eq!(filled("{slug}:{Id}:{slug}", &row), Some("a:7:a".into()));
        assert_eq!(filled("menu", &row), Some("menu".into()));
        assert_eq!(filled("{{{slug}}}{{slug}}", &row), Some("{a}{slug}".into()));
    }

    #[test]
    fn a_null_makes_nothing_of_the_template() {
        assert_eq!(filled("t:{slug}:{none}", &[("slug", Some("a")), ("none", None)]), None);
    }

    #[test]
    fn names_of_columns_are_taken_as_they_are() {
        assert_eq!(columns("{a}{Ab c}:{ü}{a}"), ["a", "Ab c", "ü", "a"]);
        assert!(Template::parse("a{{b}}").unwrap().is_constant());
        assert!(!Template::parse("{b}").unwrap().is_constant());
    }

    #[test]
    fn each_kind_of_bad_template_has_its_reason() {
        let error = |text| Template::parse(text).unwrap_err();
        assert_eq!(error("ü{a"), TemplateError::Unclosed(2));
        assert_eq!(error("{a{b}"), TemplateError::Unclosed(0));
        assert_eq!(error("a{"), TemplateError::Unclosed(1));
        assert_eq!(error("a}b"), TemplateError::Unopened(1));
        assert_eq!(error("{a}}"), TemplateError::Unopened(3));
        assert_eq!(error("a:{}"), TemplateError::NoColumn(2));
        assert_eq!(error(""), TemplateError::Key(KeyError::Empty));
        assert_eq!(error(" {a}"), TemplateError::Key(KeyError::OuterSpace));
        assert_eq!(error("{a} "), TemplateError::Key(KeyError::OuterSpace));
        assert!(matches!(error("{a}\n{b}"), TemplateError::Key(KeyError::Control { .. })));
        assert!(matches!(error(&"x".repeat(513)), TemplateError::Key(KeyError::TooLong { .. })));
    }

    #[test]
    fn a_template_that_is_full_takes_an_empty_column() {
        assert!(Template::parse(&format!("{}{{a}}", "x".repeat(512))).is_ok());
        assert!(Template::parse(&format!("{}{{a}}", "x".repeat(513))).is_err());
    }

    #[test]
    fn the_reach_follows_from_the_text_before_the_first_column() {
        let reach = |text| Template::parse(text).unwrap().reach();
        assert_eq!(reach("menu:all"), Reach::Key("menu:all".into()));
        assert_eq!(reach("{{"), Reach::Key("{".into()));
        assert_eq!(reach("t:{a}"), Reach::Namespace("t".into()));
        assert_eq!(reach("t:eu:{a}"), Reach::Namespace("t".into()));
        assert_eq!(reach(":{a}"), Reach::Namespace(String::new()));
        assert_eq!(reach("t-{a}:b"), Reach::All);
        assert_eq!(reach("{a}:b"), Reach::All);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in ".{0,40}|[{}a: ]{0,12}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(template.is_constant(), template.columns().count() == 0);
            }
        }

        #[test]
        fn a_text_with_its_braces_doubled_stands_for_itself(text in "[a-c{}:]{1,20}") {
            let template = Template::parse(&text.replace('{', "{{").replace('}', "}}")).unwrap();
            prop_assert_eq!(template.reach(), Reach::Key(text));
        }

        #[test]
        fn every_key_of_a_template_is_within_its_reach(
            text in "[a-b:é]{0,3}(\\{a\\}|\\{b\\})?[a:]{0,2}",
            a in "[a-b:;é]{0,3}",
            b in "\\PC{0,3}",
        ) {
            prop_assume!(Template::parse(&text).is_ok());
            let template = Template::parse(&text).unwrap();
            let mut key = String::new();
            let whole = template.fill(&mut key, |name| Some(if name == "a" { &a } else { &b }));
            prop_assert!(whole);
            prop_assume!(Key::parse(&key).is_ok());
            match template.reach() {
                Reach::Key(only) => prop_assert_eq!(only, key),
                Reach::Namespace(namespace) => {
                    prop_assert_eq!(Namespace::parse(&namespace), Ok(Key::parse(&key).unwrap().namespace()));
                }
                Reach::All => {}
            }
        }
    }
}
