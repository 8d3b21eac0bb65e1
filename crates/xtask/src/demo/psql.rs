//! Owns what goes into psql, and what comes out of it.
//!
//! Must never know what the demo shows.

use std::collections::BTreeMap;

/// As an argument of a psql command.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// `statement` with the values of `variables` in place of `:'name'`, as psql puts them in.
pub fn with(statement: &str, variables: &BTreeMap<String, String>) -> String {
    variables.iter().fold(statement.to_owned(), |statement, (name, value)| {
        statement.replace(&format!(":'{name}'"), &format!("'{}'", value.replace('\'', "''")))
    })
}

/// The last row that psql printed as the only one of its table. No value in it may have a `|`.
pub fn row(printed: &str) -> Option<String> {
    let lines: Vec<&str> = printed.lines().collect();
    let rule = lines.iter().rposition(|line| line.starts_with('-') && line.chars().all(|c| "-+".contains(c)))?;
    let [row, rest @ ..] = lines.get(rule + 1..)? else { return None };
    let alone = rest.first().is_none_or(|next| next.is_empty());
    alone.then(|| row.split('|').map(str::trim).collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_row_is_read_from_its_table() {
        let one = " stored \n--------\n t\n\n";
        let other =
            " found | value |   token    \n-------+-------+------------\n f     |       | 1a-2b\n\ncache=# COMMIT;\n";
        assert_eq!(row(&format!("{one}{other}")).as_deref(), Some("f||1a-2b"));
        assert_eq!(row(&format!("{other}{one}")).as_deref(), Some("t"));
        assert_eq!(row(" key \n-----\n a\n b\n\n"), None);
        assert_eq!(row("cache=# COMMIT;\n"), None);
    }

    #[test]
    fn statements_are_quoted_for_psql() {
        assert_eq!(quoted(r"SELECT 'a\b'"), r"'SELECT ''a\\b'''");
    }

    #[test]
    fn variables_are_put_in_as_literals() {
        let variables = BTreeMap::from([("token".to_owned(), "it's".to_owned())]);
        assert_eq!(with("SELECT :'token', :'other'", &variables), "SELECT 'it''s', :'other'");
    }
}
