//! Owns what counts as an integer for `cache_incr`: a JSON number without a fraction, however it is written. `2` and
//! `2.0` are the same number.
//!
//! Must never round a number.

/// Why a value is not an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CounterError {
    /// Not a number, or one with a fraction.
    #[error("not an integer")]
    NotAnInteger,
    /// An integer beyond a `bigint`.
    #[error("out of range")]
    OutOfRange,
}

/// Reads a JSON value, as `jsonb` prints it, as an integer.
///
/// # Errors
/// [`CounterError`].
pub fn parse(json: &str) -> Result<i64, CounterError> {
    let (whole, fraction) = json.split_once('.').unwrap_or((json, ""));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number || fraction.bytes().any(|byte| byte != b'0') {
        return Err(CounterError::NotAnInteger);
    }
    whole.parse().map_err(|_| CounterError::OutOfRange)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_whole_numbers_are_counted_on() {
        assert_eq!(parse("41"), Ok(41));
        assert_eq!(parse("-7"), Ok(-7));
        assert_eq!(parse("2.0"), Ok(2));
        for json in ["2.5", "\"2\"", "null", "true", "{}", "[1]", "-", ""] {
            assert_eq!(parse(json), Err(CounterError::NotAnInteger), "{json}");
        }
        assert_eq!(parse("9223372036854775808"), Err(CounterError::OutOfRange));
    }

    proptest! {
        #[test]
        fn every_bigint_is_read_back(integer: i64, zeros in 0_usize..5) {
            prop_assert_eq!(parse(&integer.to_string()), Ok(integer));
            prop_assert_eq!(parse(&format!("{integer}.0{}", "0".repeat(zeros))), Ok(integer));
        }
    }
}
