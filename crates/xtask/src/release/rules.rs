//! Owns the rules that a release keeps, each a function of texts: it returns what breaks the rule.
//!
//! Must never read a file or run a program.

/// The version is the one that the caller asked for, if any.
pub fn asked(version: &str, asked: Option<&str>) -> Option<String> {
    let asked = asked.filter(|asked| asked.trim_start_matches('v') != version)?;
    Some(format!("version {asked} was asked for, and Cargo.toml has {version}"))
}

/// Nothing is changed or new in the work tree. `status`: what `git status --porcelain` prints.
pub fn clean(status: &str) -> Option<String> {
    (!status.trim().is_empty()).then(|| format!("the work tree is not clean:\n{}", status.trim_end()))
}

/// The tag of the version is either not there yet, or on this commit. `all` and `here`: the tags, one in a line, of the
/// repository and of the commit.
pub fn tagged(version: &str, all: &str, here: &str) -> Option<String> {
    let tag = format!("v{version}");
    let has = |tags: &str| tags.lines().any(|line| line.trim() == tag);
    (has(all) && !has(here)).then(|| format!("the tag {tag} is on another commit: raise the version in Cargo.toml"))
}

/// The changelog has a section of the version with a date, and it is not empty.
pub fn dated(changelog: &str, version: &str) -> Option<String> {
    match section(changelog, version) {
        Some((date, _)) if !is_date(date) => Some(format!("CHANGELOG.md: version {version} has the date {date:?}")),
        Some((_, "")) => Some(format!("CHANGELOG.md: the section of version {version} is empty")),
        Some(_) => None,
        None => Some(format!("CHANGELOG.md has no section `## [{version}] - YYYY-MM-DD`")),
    }
}

/// The date and the text of the changelog's section of `version`.
pub fn section<'a>(changelog: &'a str, version: &str) -> Option<(&'a str, &'a str)> {
    let start = format!("## [{version}]");
    let at = changelog.match_indices(&start).find(|(at, _)| changelog[..*at].ends_with('\n') || *at == 0)?.0;
    let (head, rest) = changelog[at + start.len()..].split_once('\n')?;
    let text = rest.find("\n## [").map_or(rest, |end| &rest[..end]);
    Some((head.trim_start_matches([' ', '-']), text.trim()))
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let number = |part: &str, digits: usize| (part.len() == digits).then(|| part.parse::<u16>().ok())?;
    match parts.as_slice() {
        [year, month, day] => {
            number(year, 4).is_some()
                && number(month, 2).is_some_and(|it| (1..=12).contains(&it))
                && number(day, 2).is_some_and(|it| (1..=31).contains(&it))
        }
        _ => false,
    }
}

/// The changelog has nothing under `Unreleased`.
pub fn collected(changelog: &str) -> Option<String> {
    let (_, changes) = section(changelog, "Unreleased")?;
    (!changes.is_empty()).then(|| "CHANGELOG.md has changes under Unreleased: move them into the release".to_owned())
}

/// There is a package for each of the majors that are `wanted`.
pub fn complete(wanted: &[u16], made: &[u16]) -> Vec<String> {
    let missing = wanted.iter().filter(|major| !made.contains(major));
    missing.map(|major| format!("there is no package for PostgreSQL {major}: is PG_CONFIG set?")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_version_than_the_one_asked_for_is_refused() {
        assert_eq!(asked("0.1.0", None), None);
        assert_eq!(asked("0.1.0", Some("0.1.0")), None);
        assert_eq!(asked("0.1.0", Some("v0.1.0")), None);
        assert!(asked("0.1.0", Some("0.2.0")).unwrap().contains("0.2.0"));
    }

    #[test]
    fn a_changed_work_tree_is_refused() {
        assert_eq!(clean(""), None);
        assert!(clean(" M README.md\n").unwrap().contains("README.md"));
        assert!(clean("?? new\n").is_some());
    }

    #[test]
    fn a_tag_on_another_commit_is_refused() {
        assert_eq!(tagged("0.2.0", "v0.1.0\n", ""), None);
        assert_eq!(tagged("0.1.0", "v0.1.0\n", "v0.1.0\n"), None);
        assert!(tagged("0.1.0", "v0.0.9\nv0.1.0\n", "latest\n").is_some());
        assert_eq!(tagged("0.1.0", "v0.1.0-rc.1\nv0.1.00\n", ""), None);
    }

    #[test]
    fn a_version_without_a_dated_section_is_refused() {
        let changelog = "# Changes\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n\n- New.\n\n## [0.0.9]\n\n- Old.\n";
        assert_eq!(dated(changelog, "0.1.0"), None);
        assert!(dated(changelog, "0.0.9").unwrap().contains("\"\""));
        assert!(dated(changelog, "0.2.0").is_some());
        assert!(dated(changelog, "0.1").is_some());
        assert!(dated("## [0.1.0] - 2026-13-30\n\n- New.\n", "0.1.0").is_some());
        assert!(dated("## [0.1.0] - today\n\n- New.\n", "0.1.0").is_some());
        assert!(dated("## [0.1.0] - 2026-11-30\n\n\n## [0.0.9]\n", "0.1.0").unwrap().contains("empty"));
        assert_eq!(section(changelog, "0.1.0").unwrap(), ("2026-11-30", "- New."));
        assert_eq!(section(changelog, "0.0.9").unwrap(), ("", "- Old."));
    }

    #[test]
    fn changes_that_belong_to_no_release_are_refused() {
        assert_eq!(collected("## [0.1.0] - 2026-11-30\n\n- New.\n"), None);
        assert_eq!(collected("## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n\n- New.\n"), None);
        assert!(collected("## [Unreleased]\n\n- New.\n\n## [0.1.0] - 2026-11-30\n").is_some());
    }

    #[test]
    fn a_major_without_a_package_is_refused() {
        assert!(complete(&[15, 16], &[15, 16]).is_empty());
        assert!(complete(&[15, 16], &[15])[0].contains("PostgreSQL 16"));
    }
}
