//! Owns numbers as a person reads them.
//!
//! Must never show a number as 0 that is not 0, nor 0 as another number.

/// A share of 1.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".into(), |share| format!("{:.1} %", share * 100.0))
}

/// A count, or a count a second.
pub fn short(number: f64) -> String {
    match number {
        number if number > 0.0 && number < 9.95 && number.fract() > 0.05 => format!("{number:.1}"),
        number if number < 9_999.5 => format!("{number:.0}"),
        number if number < 9_999_500.0 => format!("{:.1}k", number / 1e3),
        number => format!("{:.1}M", number / 1e6),
    }
}

/// Milliseconds.
pub fn time(ms: f64) -> String {
    match ms {
        ms if ms < 1.0 => format!("{:.1} us", ms * 1e3),
        ms if ms < 1e3 => format!("{ms:.1} ms"),
        ms if ms < 120e3 => format!("{:.1} s", ms / 1e3),
        ms => format!("{:.0} min", ms / 60e3),
    }
}

/// A size.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        bytes if bytes < 10_240 => format!("{bytes} B"),
        bytes if bytes < 10_485_760 => format!("{} kB", bytes / 1024),
        bytes => format!("{} MB", bytes / 1_048_576),
    }
}

/// Lines of no more than `width` characters; a longer word stays whole.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::<String>::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_unit_that_fits() {
        assert_eq!([0.0, 0.5, 7.0, 4321.0, 50_000.0, 2e7].map(short), ["0", "0.5", "7", "4321", "50.0k", "20.0M"]);
        assert_eq!([0.002, 0.5, 70.0, 1500.0, 600e3].map(time), ["2.0 us", "500.0 us", "70.0 ms", "1.5 s", "10 min"]);
        assert_eq!([120, 20_480, 314_572_800].map(bytes), ["120 B", "20 kB", "300 MB"]);
        assert_eq!([Some(0.5), None].map(percent), ["50.0 %", "-"]);
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("", 7), [""; 0]);
    }
}
