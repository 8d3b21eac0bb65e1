//! What is cached: entries, each computed from one row of the source or from several, and what invalidates them.
//!
//! The value of an entry is an object: for each row that it was computed from, the version that was read.

use std::ops::Range;

/// Few, so that everybody meets everybody.
pub const ROWS: usize = 9;
/// Into how many groups they fall.
pub const GROUPS: usize = 3;
/// How many rows are a group; `load` of `sql/loader.sql` knows it too.
const GROUP: usize = ROWS / GROUPS;

/// An entry, by what it shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum View {
    /// One row, invalidated by its key.
    Row(usize),
    /// One row, invalidated by a tag: the row's or its group's.
    Tagged(usize),
    /// All rows of a group, invalidated by the tag of any of them, or the group's.
    Page(usize),
}

impl View {
    /// Those that show `row`.
    pub fn showing(row: usize) -> [Self; 3] {
        [Self::Row(row), Self::Tagged(row), Self::Page(group_of(row))]
    }

    /// Its key in the cache.
    pub fn key(self) -> String {
        match self {
            Self::Row(row) => format!("{ROW}:{row}"),
            Self::Tagged(row) => format!("tagged:{row}"),
            Self::Page(group) => format!("page:{group}"),
        }
    }

    /// Whether its namespace is one of [`CONFIGURED`].
    pub fn has_loader(self) -> bool {
        !matches!(self, Self::Tagged(_))
    }

    /// The rows that it is computed from.
    pub fn rows(self) -> Range<usize> {
        match self {
            Self::Row(row) | Self::Tagged(row) => row..row + 1,
            Self::Page(group) => group * GROUP..(group + 1) * GROUP,
        }
    }

    /// The rows as SQL has them.
    pub fn ids(self) -> Vec<i32> {
        self.rows().map(|row| row as i32).collect()
    }

    /// What it is labelled with.
    pub fn tags(self) -> Option<Vec<String>> {
        match self {
            Self::Row(_) => None,
            Self::Tagged(row) => Some(vec![tag(row), group_tag(row)]),
            Self::Page(_) => Some(self.rows().map(tag).chain([group_tag(self.rows().start)]).collect()),
        }
    }
}

/// The namespace of the entries that are invalidated by their keys.
pub const ROW: &str = "row";

/// The namespaces with a loader, and with stale values.
pub const CONFIGURED: [&str; 2] = [ROW, "page"];

/// The tag of everything that shows a row.
pub fn tag(row: usize) -> String {
    format!("row-{row}")
}

/// The tag of everything that shows a row of the same group.
pub fn group_tag(row: usize) -> String {
    format!("group-{}", group_of(row))
}

/// The group of a row.
pub fn group_of(row: usize) -> usize {
    row / GROUP
}
