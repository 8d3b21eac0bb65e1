//! The rows of the tables in a Markdown text.
//!
//! Must never be used for a table whose cells contain a `|`.

/// The cells of every row of every table of `markdown`, trimmed; the heading of a table and the rule under it are left
/// out.
pub fn rows(markdown: &str) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for line in markdown.lines().filter_map(|line| line.trim().strip_prefix('|')?.strip_suffix('|')) {
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells.iter().all(|cell| cell.chars().all(|c| c == '-' || c == ':')) {
            rows.pop();
        } else {
            rows.push(cells);
        }
    }
    rows
}

/// The pieces of `cell` that are set as code.
pub fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What stands under the heading `section`, up to the next heading of its level or a higher one. A `#` at the
/// beginning of a line is always a heading here: the text must have no such comments in code.
pub fn section<'a>(markdown: &'a str, section: &str) -> Option<&'a str> {
    let level = |line: &str| line.len() - line.trim_start_matches('#').len();
    let is_heading = |line: &&str| level(line) > 0 && line.trim_start_matches('#').trim() == section;
    let start = markdown.lines().position(|line| is_heading(&line))?;
    let own = level(markdown.lines().nth(start)?);
    let rest = markdown.split_inclusive('\n').skip(start + 1);
    let length: usize = rest.take_while(|line| !(1..=own).contains(&level(line))).map(str::len).sum();
    let from: usize = markdown.split_inclusive('\n').take(start + 1).map(str::len).sum();
    markdown.get(from..from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_cells_without_headings_and_rules() {
        let tables = "x\n| a | `b` |\n|---|:--|\n| c | d |\n\n### y\n| e | f |\n|---|---|\n| g | `h` |\n";
        assert_eq!(rows(tables), [["c", "d"], ["g", "`h`"]]);
    }

    #[test]
    fn code_is_what_stands_in_backticks() {
        assert_eq!(code("`a`, or `b c` too"), ["a", "b c"]);
        assert!(code("none").is_empty());
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        assert_eq!(section("# A\n1\n\n## B\n2\n### C\n3\n## D\n4\n", "B"), Some("2\n### C\n3\n"));
        assert_eq!(section("### B\n2\n# C\n3\n", "B"), Some("2\n"));
        assert_eq!(section("# A\n", "B"), None);
    }
}
