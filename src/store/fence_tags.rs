//! The tags in `cache_tags` that are fences.
//!
//! Owns their names. Must never give a fence a name that a user can give a tag: a tag is not empty and has no control
//! characters.

use cache_pg_rules::namespace::Namespace;

/// The fence of a namespace, or of all. A clear invalidates it, which refuses values that were computed before the
/// clear. Only fills check it; no entry carries it.
pub(super) fn fence_of(namespace: Option<Namespace>) -> String {
    namespace.map_or_else(String::new, |namespace| format!("\u{1}{}", namespace.as_str()))
}

/// The fence of the collection of tags and fences, which invalidates it. It refuses tokens that were given before. A
/// transaction that still holds the snapshot of its computation need not check it: the collection removes no row that
/// this snapshot does not see.
pub(super) const COLLECTED: &str = "\u{2}";

/// Whether a tag is a fence, or one that only a forged row can have.
pub fn is_fence(tag: &str) -> bool {
    tag < " "
}

/// Whether a tag is the fence of one namespace.
pub fn is_fence_of_namespace(tag: &str) -> bool {
    tag.starts_with('\u{1}')
}
