//! Text as a statement has it.

/// A literal of SQL with `standard_conforming_strings`, which is the default.
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
