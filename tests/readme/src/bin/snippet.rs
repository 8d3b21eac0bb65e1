//! The Rust of the README, exactly as it stands there.

include!(concat!(env!("OUT_DIR"), "/snippet.rs"));
