//! The Rust of the pages, exactly as it stands there. The argument says which block runs: `docs/clients.md:120`.

include!(concat!(env!("OUT_DIR"), "/snippet.rs"));
