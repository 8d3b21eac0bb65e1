//! Owns the stored values: JSON of a given length, as an application would cache it.
//!
//! Must never use one value for all: PostgreSQL logs only what an update changes, so rewriting the same value would
//! flatter it.

use crate::random::Random;

/// How many values are made before anything is measured.
const VARIETY: u64 = 64;

/// Values of one length.
#[derive(Clone, Debug)]
pub struct Values(Vec<String>);

impl Values {
    /// Values of exactly `length` bytes, at least 40.
    pub fn new(length: usize) -> Self {
        let mut random = Random::new(length as u64);
        Self((0..VARIETY).map(|_| value(length, &mut random)).collect())
    }

    /// Values that take `length` bytes as jsonb, at least 16: texts of random letters, with an overhead of 12 bytes.
    pub fn stored(length: usize) -> Self {
        let mut random = Random::new(length as u64);
        let mut letters = || (0..length - 12).map(|_| char::from(b'a' + random.below(26) as u8)).collect::<String>();
        Self((0..VARIETY).map(|_| format!("\"{}\"", letters())).collect())
    }

    /// A random one of them.
    pub fn next(&self, random: &mut Random) -> &str {
        &self.0[random.below(VARIETY) as usize]
    }

    /// The initial value of the key with this number.
    pub fn first(&self, number: u64) -> &str {
        &self.0[(number % VARIETY) as usize]
    }
}

/// A menu: an object with a list of objects, with words that repeat and numbers that do not. It compresses as such
/// values do, `jsonb` prints it as it was written, and it takes about as much space as jsonb as it does as text.
fn value(length: usize, random: &mut Random) -> String {
    const DISHES: [&str; 8] =
        ["Cheeseburger", "Fries", "Onion rings", "Milkshake", "Veggie wrap", "Cola", "Coleslaw", "Sundae"];
    let mut text = format!("{{\"id\": {}, \"menu\": [", random.below(100_000));
    loop {
        let dish = DISHES[random.below(8) as usize];
        let item = format!("{{\"dish\": \"{dish}\", \"cents\": {}}}", random.below(10_000));
        if text.len() + item.len() + ", ], \"seal\": \"\"}".len() > length {
            break;
        }
        if !text.ends_with('[') {
            text += ", ";
        }
        text += &item;
    }
    text += "], \"seal\": \"";
    while text.len() < length - 2 {
        text.push(char::from(b'a' + random.below(26) as u8));
    }
    text + "\"}"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_json_of_the_length_asked_for_and_differ() {
        for length in [40, 120, 2_048, 20_480] {
            let values = Values::new(length);
            assert!(values.0.iter().all(|value| value.len() == length && value.is_ascii()), "{length}");
            assert!(values.0.iter().all(|value| value.starts_with("{\"id\": ") && value.ends_with("\"}")));
            assert_ne!(values.first(0), values.first(1));
        }
    }
}
