//! A new entry as parameters.
//!
//! Owns their order, which `statement_of_entry!` declares. Must never run a statement.

use crate::pg::Value;
use crate::statement::{IntoParam, Param};
use crate::store::{tags::Tagged, types::NewEntry};

/// Key, value, bytes, tags, the clock, both deadlines, and the generations of the tags.
pub fn params(new: &NewEntry, tagged: Option<Tagged>) -> [Param; 8] {
    let tagged = new.tagged(tagged);
    [
        new.key.as_str().param(),
        new.value.and_then(Value::json).param(),
        new.value.and_then(Value::bytes).param(),
        tagged.map(|tagged| tagged.tags).param(),
        new.set_at.param(),
        new.deadline.expires_at.param(),
        new.deadline.stale_until.param(),
        tagged.map(|tagged| tagged.generations),
    ]
}
