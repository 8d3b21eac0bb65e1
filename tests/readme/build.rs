//! Takes the Rust out of the README, for `src/bin/snippet.rs`.

#[path = "src/block.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod block;

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    const README: &str = "../../README.md";
    println!("cargo::rerun-if-changed={README}");
    let readme = std::fs::read_to_string(README)?;
    let rust: String = block::parse(&readme)
        .iter()
        .filter(|block| block.language == "rust")
        .map(|block| block.text.as_str())
        .collect();
    let program = if rust.is_empty() { "fn main() {}\n".to_owned() } else { rust };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("snippet.rs"), program)
}
