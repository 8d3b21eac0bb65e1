//! Owns `cache_key`: how any texts become one valid key.
//!
//! Must never change a valid key, nor give two texts the same key by accident: a text that is written to look like a
//! key with a hash is that key. The clients have the same rule, and check it by the same vectors:
//! `tests/vectors/cache_key.json`.

use crate::key::{Key, MAX_KEY_BYTES};
use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The mark between the readable beginning of a key and its hash.
const MARK: char = '#';
/// How many bytes of the hash a key ends in: 128 bits.
const HASH_BYTES: usize = 16;
/// The longest beginning, in bytes.
const READABLE: usize = MAX_KEY_BYTES - MARK.len_utf8() - 2 * HASH_BYTES;

/// Joins the parts with `:`. If that is no valid key, its control characters and the white space at its start become
/// `_`, it is cut to 479 bytes, and `#` and 32 hexadecimal digits follow: the first half of the SHA-256 of the joined
/// text. So it keeps its namespace.
pub fn compose<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    let joined = parts.into_iter().collect::<Vec<_>>().join(":");
    if Key::parse(&joined).is_ok() {
        return joined;
    }
    let start = joined.len() - joined.trim_start().len();
    let allowed = |(at, one): (usize, char)| if one.is_control() || at < start { '_' } else { one };
    let mut key: String = joined.char_indices().map(allowed).collect();
    key.truncate(key.floor_char_boundary(READABLE));
    key.push(MARK);
    for byte in &Sha256::digest(&joined)[..HASH_BYTES] {
        // A text takes everything.
        let _ = write!(key, "{byte:02x}");
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_valid_key_stays_as_it_is() {
        assert_eq!(compose(["tenant", "burger-palace"]), "tenant:burger-palace");
        assert_eq!(compose(["a b", "ключ"]), "a b:ключ");
        assert_eq!(compose(["x".repeat(512).as_str()]).len(), 512);
    }

    #[test]
    fn any_other_text_keeps_its_namespace_and_ends_in_a_hash() {
        let hash = |text: &str| {
            let digest = Sha256::digest(text);
            digest[..16].iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        assert_eq!(compose([""]), "#e3b0c44298fc1c149afbf4c8996fb924");
        assert_eq!(compose(["menu", "a\nb"]), format!("menu:a_b#{}", hash("menu:a\nb")));
        assert_eq!(compose(["\u{3000} menu ", " "]), format!("__menu : #{}", hash("\u{3000} menu : ")));
        let long = compose(["menu", &"é".repeat(300)]);
        assert_eq!(long, format!("menu:{}#{}", "é".repeat(237), hash(&format!("menu:{}", "é".repeat(300)))));
    }

    #[test]
    fn the_vectors_that_the_clients_check_hold() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/vectors/cache_key.json")).unwrap();
        let vectors = vectors.as_array().unwrap();
        assert!(vectors.len() > 10);
        for vector in vectors {
            let parts: Vec<&str> = vector["parts"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
            assert_eq!(compose(parts), vector["key"].as_str().unwrap());
        }
    }

    proptest! {
        #[test]
        fn every_text_becomes_a_valid_key(text in "\\PC{0,40}|[ -~]{470,530}|\\s{0,3}.{0,20}|[a-z:\\x00-\\x1f]{0,600}") {
            let key = compose([text.as_str()]);
            prop_assert!(Key::parse(&key).is_ok(), "{key:?}");
            prop_assert_eq!(&compose([key.as_str()]), &key);
            if let Some((namespace, _)) = text.split_once(':')
                && namespace.len() < READABLE && !namespace.contains(char::is_control)
                && !namespace.starts_with(char::is_whitespace)
            {
                prop_assert_eq!(Key::parse(&key).unwrap().namespace().as_str(), namespace);
            }
        }
    }
}
