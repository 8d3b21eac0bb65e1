//! How the version of a schema stands to that of a library.
//!
//! Owns what counts as a version, and the comparison of two. Must never know a particular version.

use std::cmp::Ordering;

/// How the version of a schema stands to that of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The schema is that of the library.
    Same,
    /// The schema is older: the library works with it, without what later versions add.
    Older,
    /// The schema is newer: the library does not know what has changed.
    Newer,
    /// The schema has a version that is none.
    Unknown,
}

/// How the schema stands to the library. A text other than three numbers is a version only if both are the same.
pub fn standing(schema: &str, library: &str) -> Standing {
    if schema == library {
        return Standing::Same;
    }
    match (numbers(schema), numbers(library)) {
        (Some(schema), Some(library)) => match schema.cmp(&library) {
            Ordering::Less => Standing::Older,
            // The same numbers in another spelling, such as 0.01.0, are no release.
            Ordering::Equal => Standing::Unknown,
            Ordering::Greater => Standing::Newer,
        },
        _ => Standing::Unknown,
    }
}

/// The three numbers of a version, such as 0.1.0; None if the text is no version.
pub fn numbers(version: &str) -> Option<[u32; 3]> {
    let mut parts = version.split('.').map(|part| {
        let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| part.parse::<u32>().ok()).flatten()
    });
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number() {
        for (schema, library, expected) in [
            ("0.1.0", "0.1.0", Standing::Same),
            ("0.9.0", "0.10.0", Standing::Older),
            ("0.1.9", "0.2.0", Standing::Older),
            ("0.2.0", "0.1.9", Standing::Newer),
            ("9.0.0", "0.1.0", Standing::Newer),
            ("1.0.0-rc1", "1.0.0-rc1", Standing::Same),
        ] {
            assert_eq!(standing(schema, library), expected, "{schema} {library}");
        }
    }

    #[test]
    fn what_is_no_version_is_unknown() {
        for schema in
            ["", "next", "1", "1.0", "1.0.0.0", "1..0", "+1.0.0", "1.0.0-rc1", "00.1.0", "0.1.99999999999", "٣.1.0"]
        {
            assert_eq!(standing(schema, "0.1.0"), Standing::Unknown, "{schema}");
        }
    }
}
