//! The templates of a watched table.
//!
//! Owns their form in the only argument of the table's triggers: JSON, which the view `cache_watches` reads too. Must
//! never take an argument that [`Watch::new`] could not have written.

use crate::error::CacheError;
use cache_pg_rules::template::Template;
use serde::{Deserialize, Serialize};

/// The templates of keys and tags of a watched table.
#[derive(Debug)]
pub struct Watch {
    pub keys: Vec<Template>,
    pub tags: Vec<Template>,
    /// The argument of the triggers.
    pub argument: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Argument {
    keys: Vec<String>,
    tags: Vec<String>,
}

/// An array of templates, as SQL passes it.
type TemplateArray = Option<Vec<Option<String>>>;

impl Watch {
    /// The templates that the arguments of `cache_watch` contain.
    ///
    /// # Errors
    /// [`CacheError::NullTemplate`], [`CacheError::Template`], or [`CacheError::NoTemplate`].
    pub fn new(keys: TemplateArray, tags: TemplateArray) -> Result<Self, CacheError> {
        let argument = Argument { keys: given(keys)?, tags: given(tags)? };
        if argument.keys.is_empty() && argument.tags.is_empty() {
            return Err(CacheError::NoTemplate);
        }
        // Vectors of strings can always be serialized.
        let text = serde_json::to_string(&argument).unwrap_or_default();
        Self::from(&argument, text)
    }

    /// The templates of a trigger from its arguments; None if [`Watch::new`] did not write them.
    pub fn from_arguments(arguments: &[String]) -> Option<Self> {
        let [text] = arguments else { return None };
        let argument = serde_json::from_str(text).ok()?;
        Self::from(&argument, text.clone()).ok()
    }

    /// The same from `tgargs` of `pg_trigger`, where a zero byte ends each argument.
    pub fn from_tgargs(arguments: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(arguments.strip_suffix(&[0])?).ok()?;
        Self::from_arguments(&[text.to_owned()])
    }

    fn from(argument: &Argument, text: String) -> Result<Self, CacheError> {
        Ok(Self { keys: parsed(&argument.keys)?, tags: parsed(&argument.tags)?, argument: text })
    }

    /// The templates of keys and those of tags, as the user wrote them.
    pub fn texts(&self) -> Option<(Vec<String>, Vec<String>)> {
        serde_json::from_str(&self.argument).ok().map(|Argument { keys, tags }| (keys, tags))
    }

    /// The templates for which `holds` is true, and the others.
    pub fn split(self, holds: impl Fn(&Template) -> bool) -> (Self, Self) {
        let (keys, other_keys) = self.keys.into_iter().partition(&holds);
        let (tags, other_tags) = self.tags.into_iter().partition(&holds);
        let others = Self { keys: other_keys, tags: other_tags, argument: self.argument.clone() };
        (Self { keys, tags, argument: self.argument }, others)
    }

    /// The templates, those of keys first.
    pub fn templates(&self) -> impl Iterator<Item = &Template> {
        self.keys.iter().chain(&self.tags)
    }
}

/// The templates of an array, without duplicates.
fn given(texts: TemplateArray) -> Result<Vec<String>, CacheError> {
    let mut given = Vec::new();
    for text in texts.unwrap_or_default() {
        let text = text.ok_or(CacheError::NullTemplate)?;
        if !given.contains(&text) {
            given.push(text);
        }
    }
    Ok(given)
}

fn parsed(texts: &[String]) -> Result<Vec<Template>, CacheError> {
    texts.iter().map(|text| Template::parse(text).map_err(|why| CacheError::Template(text.clone(), why))).collect()
}
