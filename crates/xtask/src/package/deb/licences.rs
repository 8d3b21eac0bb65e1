//! Owns the copyright file of a package: the licence of the extension and of every crate that is linked into it.
//!
//! Must never leave out a crate: one with an unknown licence is an error.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::crates::{Crate, Metadata, linked};
use crate::files;

/// The licences that a crate can be taken under, the first that it offers, and their texts.
const KNOWN: [(&str, &str); 4] = [
    ("PostgreSQL", include_str!("../../../../../LICENSE")),
    ("MIT", include_str!("../../../../../packaging/debian/licences/MIT.txt")),
    ("Zlib", include_str!("../../../../../packaging/debian/licences/Zlib.txt")),
    ("Unicode-3.0", include_str!("../../../../../packaging/debian/licences/Unicode-3.0.txt")),
];

/// The standard library of Rust is linked in too, and `cargo metadata` does not know it.
const STANDARD_LIBRARY: &str = "Files: rust/library/*\nCopyright: The Rust Project Contributors\nLicense: MIT\n";

/// The machine-readable copyright file for `major`.
///
/// # Errors
/// When cargo does not know the crates, or the licence of one is not in the list above.
pub fn copyright(major: u16) -> Result<String> {
    text(&Metadata::read(major)?)
}

fn text(metadata: &Metadata) -> Result<String> {
    let mut text = String::from("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n");
    text += "Upstream-Name: cache_pg\nSource: https://github.com/cache-pg/cache_pg\n";
    text += "Comment: The library holds the crates below, each under one of the licences that it offers.\n";
    let mut licences = BTreeSet::from(["MIT"]);
    for linked in linked(metadata) {
        let chosen = chosen(linked)?;
        match linked.id == metadata.root() {
            true => write!(text, "\nFiles: *\nCopyright: {}\n", holders(linked).join("\n           "))?,
            // A crate of this project has no text of its own.
            false if linked.source.is_none() => continue,
            false => write!(
                text,
                "\nFiles: crates.io/{}-{}/*\nCopyright: {}\n",
                linked.name,
                linked.version,
                holders(linked).join("\n           ")
            )?,
        }
        writeln!(text, "License: {}", chosen.join(" and "))?;
        licences.extend(chosen);
    }
    write!(text, "\n{STANDARD_LIBRARY}")?;
    for (name, licence) in KNOWN.into_iter().filter(|(name, _)| licences.contains(name)) {
        write!(text, "\nLicense: {name}\n{}", indented(licence))?;
    }
    Ok(text)
}

/// The licences that a crate is taken under: one of each choice.
fn chosen(of: &Crate) -> Result<Vec<&'static str>> {
    let expression = of.license.as_deref().unwrap_or_default();
    let choose = |choice: &str| {
        let offered: Vec<_> = choice.trim_matches(['(', ')']).split(" OR ").flat_map(|it| it.split('/')).collect();
        KNOWN.iter().map(|(name, _)| *name).find(|name| offered.contains(name))
    };
    let all: Option<_> = expression.split(" AND ").map(choose).collect();
    all.with_context(|| {
        format!("{} {} has the licence {expression:?}, whose text the packages do not have", of.name, of.version)
    })
}

/// The holders of the copyright: what its licence files say, else its authors.
fn holders(of: &Crate) -> Vec<String> {
    let dir = of.manifest_path.parent().unwrap_or(Path::new("."));
    let is_licence = |file: &PathBuf| {
        let name = files::name(file).to_uppercase();
        file.is_file() && (name.starts_with("LICEN") || name.starts_with("COPYRIGHT"))
    };
    let mut holders = Vec::new();
    for file in files::entries(dir).into_iter().filter(is_licence) {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        for holder in text.lines().filter_map(holder) {
            if !holders.contains(&holder) {
                holders.push(holder);
            }
        }
    }
    if holders.is_empty() {
        holders.extend(of.authors.iter().cloned());
    }
    if holders.is_empty() {
        holders.push(format!("the authors of {}", of.name));
    }
    holders
}

/// The years and the name of a line such as `Copyright (c) 2018 Ann`. The licences themselves have lines that begin so.
fn holder(line: &str) -> Option<String> {
    let rest = line.trim().strip_prefix("Copyright ")?;
    let rest = ["(c) ", "(C) ", "© "].iter().find_map(|sign| rest.strip_prefix(sign)).or_else(|| {
        let is_year = rest.starts_with(|first: char| first.is_ascii_digit());
        is_year.then_some(rest)
    })?;
    // Some have the name on the next line.
    rest.contains(char::is_alphabetic).then(|| rest.to_owned())
}

/// A text as a field of a control file has it: a space before each line, and a dot in an empty one.
fn indented(text: &str) -> String {
    let line = |line: &str| if line.trim().is_empty() { " .\n".to_owned() } else { format!(" {}\n", line.trim_end()) };
    text.trim().lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::super::crates::example;
    use super::*;

    #[test]
    fn what_is_linked_in_is_named_with_one_licence_of_each_choice() {
        let text = text(&example("(Apache-2.0 OR MIT) AND Unicode-3.0")).unwrap();
        assert!(text.contains("Files: *\nCopyright: own's\nLicense: PostgreSQL\n"), "{text}");
        let linked = "Files: crates.io/linked-1.0.0/*\nCopyright: linked's\nLicense: MIT and Unicode-3.0\n";
        assert!(text.contains(linked), "{text}");
        assert!(text.contains("\nLicense: Unicode-3.0\n UNICODE LICENSE V3\n .\n"), "{text}");
        assert!(!text.contains("Files: crates.io/macros") && !text.contains("builds"), "{text}");
        assert!(!text.contains("\nLicense: Zlib"), "{text}");
    }

    #[test]
    fn an_unknown_licence_is_refused() {
        let error = text(&example("GPL-3.0 OR SSPL-1.0")).unwrap_err().to_string();
        assert!(error.contains("linked 1.0.0") && error.contains("GPL-3.0"), "{error}");
    }

    #[test]
    fn a_holder_is_a_name_and_no_line_of_a_licence() {
        assert_eq!(holder("Copyright (c) 2018 Ann").as_deref(), Some("2018 Ann"));
        assert_eq!(holder("   Copyright 2014 Ann").as_deref(), Some("2014 Ann"));
        assert_eq!(holder("Copyright © 1991-2023 Unicode, Inc.").as_deref(), Some("1991-2023 Unicode, Inc."));
        assert_eq!(holder("Copyright (c) 2016--2023"), None);
        assert_eq!(holder("Copyright [yyyy] [name of copyright owner]"), None);
        assert_eq!(holder("copyright notice that is included in"), None);
    }
}
