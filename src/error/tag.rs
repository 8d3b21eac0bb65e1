//! What row security keeps a role from doing with tags.
//!
//! Owns the words for it, and what helps: the policy that the owner would have to make.

/// What a role wants to do with tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagVerb {
    /// See the generations of tags.
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
            Self::See => "permission denied to see cache tags".into(),
            Self::Invalidate => format!("permission denied for cache tag {}", super::wording::quoted(name)),
            Self::Clear => format!("permission denied to clear cache namespace {}", super::wording::quoted(name)),
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
            "GRANT {privilege} ON {table} TO {role}; ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; and create a \
             policy FOR {privilege} whose {clause} {allowed}."
        )
    }
}
