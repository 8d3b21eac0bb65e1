//! Owns the text form of PostgreSQL's arrays of texts.
//!
//! Must never allocate more than the caller's buffer.

/// Texts without quotes, backslashes or braces, as a PostgreSQL array.
pub fn array<'a>(texts: impl IntoIterator<Item = &'a str>, array: &mut String) {
    list(texts, array, |text, array| *array += text);
}

/// Any texts, as a PostgreSQL array.
pub fn quoted_array<'a>(texts: impl IntoIterator<Item = &'a str>, array: &mut String) {
    list(texts, array, |text, array| {
        array.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                array.push('\\');
            }
            array.push(character);
        }
        array.push('"');
    });
}

fn list<'a>(texts: impl IntoIterator<Item = &'a str>, array: &mut String, put: impl Fn(&str, &mut String)) {
    array.clear();
    array.push('{');
    for text in texts {
        if array.len() > 1 {
            array.push(',');
        }
        put(text, array);
    }
    array.push('}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_quoted_where_they_must_be() {
        let mut text = String::new();
        array(["a:1", "b:2"], &mut text);
        assert_eq!(text, "{a:1,b:2}");
        quoted_array(["{\"a\": \"\\\\\"}", "1"], &mut text);
        assert_eq!(text, r#"{"{\"a\": \"\\\\\"}","1"}"#);
    }
}
