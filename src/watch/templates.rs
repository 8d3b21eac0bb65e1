//! What a table is watched for.
//!
//! Owns the form in which that stands in the one argument of the table's triggers: JSON, which the view
//! `cache_watches` reads too.

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

type Texts = Option<Vec<Option<String>>>;

impl Watch {
    /// What the arguments of `cache_watch` ask for.
    ///
    /// # Errors
    /// [`CacheError::NullTemplate`], [`CacheError::Template`], or [`CacheError::NoTemplate`].
    pub fn new(keys: Texts, tags: Texts) -> Result<Self, CacheError> {
        let argument = Argument { keys: given(keys)?, tags: given(tags)? };
        if argument.keys.is_empty() && argument.tags.is_empty() {
            return Err(CacheError::NoTemplate);
        }
        // Texts in vectors are always JSON.
        let text = serde_json::to_string(&argument).unwrap_or_default();
        Self::from(&argument, text)
    }

    /// What a trigger was told; None where that is nothing that [`Watch::new`] has made.
    pub fn told(arguments: &[String]) -> Option<Self> {
        let [text] = arguments else { return None };
        let argument = serde_json::from_str(text).ok()?;
        Self::from(&argument, text.clone()).ok()
    }

    /// What stands in `tgargs` of a trigger, with a zero byte at the end of each argument; None as above.
    pub fn of_trigger(arguments: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(arguments.strip_suffix(&[0])?).ok()?;
        Self::told(&[text.to_owned()])
    }

    fn from(argument: &Argument, text: String) -> Result<Self, CacheError> {
        Ok(Self { keys: parsed(&argument.keys)?, tags: parsed(&argument.tags)?, argument: text })
    }

    /// The templates of keys and those of tags, as they were written.
    pub fn texts(&self) -> Option<(Vec<String>, Vec<String>)> {
        serde_json::from_str(&self.argument).ok().map(|Argument { keys, tags }| (keys, tags))
    }

    /// Those templates of which `holds` says so, and the others.
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

/// A list of templates, each once.
fn given(texts: Texts) -> Result<Vec<String>, CacheError> {
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
