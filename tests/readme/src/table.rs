//! The rows of the tables in a Markdown text.
//!
//! Must never be used for a table whose cells contain a `|`.

/// The cells of every row of every table of `markdown`, trimmed; the lines under the headings are left out.
pub fn rows(markdown: &str) -> Vec<Vec<String>> {
    markdown
        .lines()
        .filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>())
        .filter(|cells| !cells.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':')))
        .collect()
}

/// The pieces of `cell` that are set as code.
pub fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// The rows under the heading `section`, up to the next heading of any level.
pub fn section<'a>(markdown: &'a str, section: &str) -> Option<&'a str> {
    let start =
        markdown.lines().position(|line| line.starts_with('#') && line.trim_start_matches('#').trim() == section)?;
    let rest = markdown.split_inclusive('\n').skip(start + 1);
    let length: usize = rest.take_while(|line| !line.starts_with('#')).map(str::len).sum();
    let from: usize = markdown.split_inclusive('\n').take(start + 1).map(str::len).sum();
    markdown.get(from..from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cells_without_the_rule() {
        assert_eq!(rows("x\n| a | `b` |\n|---|:--|\n| c | d |\n"), [["a", "`b`"], ["c", "d"]]);
    }

    #[test]
    fn code_is_what_stands_in_backticks() {
        assert_eq!(code("`a`, or `b c` too"), ["a", "b c"]);
        assert!(code("none").is_empty());
    }

    #[test]
    fn a_section_ends_at_the_next_heading() {
        assert_eq!(section("# A\n1\n\n## B\n2\n### C\n3\n", "B"), Some("2\n"));
        assert_eq!(section("# A\n", "B"), None);
    }
}
