//! Owns how a W3C traceparent (<https://www.w3.org/TR/trace-context/>, version 00) is found in a text: in an
//! `application_name`, or in a comment of a statement as sqlcommenter writes it.
//!
//! Must never take anything else for one.

/// `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits.
const LENGTH: usize = 55;
const HYPHENS: [usize; 3] = [2, 35, 52];

/// The first traceparent in a text.
pub fn traceparent(text: &str) -> Option<&str> {
    let starts = text.match_indices("00-").map(|(start, _)| start);
    starts.filter_map(|start| text.get(start..start + LENGTH).filter(|part| is_traceparent(part, text, start))).next()
}

fn is_traceparent(part: &str, text: &str, start: usize) -> bool {
    let stands_alone = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_alphanumeric() && *byte != b'-');
    let bytes = text.as_bytes();
    let before = start.checked_sub(1).and_then(|before| bytes.get(before));
    let digits = part.bytes().enumerate().all(|(place, byte)| match byte {
        b'-' => HYPHENS.contains(&place),
        b'0'..=b'9' | b'a'..=b'f' => !HYPHENS.contains(&place),
        _ => false,
    });
    let is_zero = |id: &str| id.bytes().all(|byte| byte == b'0');
    digits
        && stands_alone(before)
        && stands_alone(bytes.get(start + LENGTH))
        && !is_zero(&part[HYPHENS[0] + 1..HYPHENS[1]])
        && !is_zero(&part[HYPHENS[1] + 1..HYPHENS[2]])
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn it_is_found_in_a_name_and_in_a_comment() {
        assert_eq!(traceparent(PARENT), Some(PARENT));
        assert_eq!(traceparent(&format!("shop {PARENT}")), Some(PARENT));
        assert_eq!(traceparent(&format!("SELECT 1 /*a='00-x',traceparent='{PARENT}'*/")), Some(PARENT));
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let zero = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        for text in [
            "",
            "psql",
            "00-",
            &PARENT[..54],
            &PARENT.to_uppercase(),
            &format!("x{PARENT}"),
            &format!("{PARENT}0"),
            &zero,
            "00-ä",
        ] {
            assert_eq!(traceparent(text), None, "{text}");
        }
    }
}
