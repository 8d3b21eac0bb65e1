//! Owns the quoting of a text in a statement. Must never depend on a setting of the server other than the default.

/// A literal of SQL with `standard_conforming_strings = on`, the default.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(literal("menu"), "'menu'");
        assert_eq!(literal("o'hara'"), "'o''hara'''");
    }
}
