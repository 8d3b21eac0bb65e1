//! The uses of tags that row security refuses to a role.
//!
//! Owns the message for it, and the HINT: the policy that the owner of the tables would have to create. Must never
//! check a policy itself.

use super::wording::quoted;

/// What a role tries to do with tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagVerb {
    /// Read the generations of tags.
    See,
    /// Invalidate a tag.
    Invalidate,
    /// Clear a namespace.
    Clear,
    /// Clear everything.
    ClearAll,
}

impl TagVerb {
    pub(super) fn denial(self, name: &str) -> String {
        match self {
            Self::See => "permission denied to read cache tags".into(),
            Self::Invalidate => format!("permission denied for cache tag {}", quoted(name)),
            Self::Clear => format!("permission denied to clear cache namespace {}", quoted(name)),
            Self::ClearAll => "permission denied to clear the cache".into(),
        }
    }

    pub(super) fn hint(self, table: &str, role: &str) -> String {
        let (privilege, clause) = match self {
            Self::See => ("SELECT", "USING"),
            Self::Invalidate | Self::Clear | Self::ClearAll => ("INSERT", "WITH CHECK"),
        };
        let allowed = match self {
            Self::See | Self::Invalidate => "is true for the tags of this role",
            Self::Clear => "is true for the tag E'\\x01' || the namespace",
            Self::ClearAll => "is true for the tag ''",
        };
        format!(
            "Run GRANT {privilege} ON {table} TO {role}; and ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; then create \
             a policy FOR {privilege} whose {clause} {allowed}."
        )
    }
}
