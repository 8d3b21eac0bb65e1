//! Takes the Rust out of the pages, for `src/bin/snippet.rs`: one module for each block, chosen by its page and line.

#[path = "src/block.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod block;
#[path = "src/page.rs"]
mod page;

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let project = Path::new("../..");
    println!("cargo::rerun-if-changed=../../README.md");
    println!("cargo::rerun-if-changed=../../docs");
    let (mut modules, mut arms) = (String::new(), String::new());
    for page in page::all(project)? {
        for block in block::parse(&page.text).iter().filter(|block| block.is_run("rust")) {
            let module = format!("block_{}", arms.lines().count());
            // What stands below the block of the page may name everything in it; `main` is private to its module.
            _ = writeln!(
                modules,
                "mod {module} {{\n{}pub fn run() -> std::process::ExitCode {{ std::process::Termination::report(main()) }}\n}}",
                block.text
            );
            _ = writeln!(arms, "        Some({:?}) => {module}::run(),", block.name(&page.name));
        }
    }
    let program = format!(
        "{modules}\nfn main() -> std::process::ExitCode {{\n    match std::env::args().nth(1).as_deref() {{\n{arms}        \
         other => {{ eprintln!(\"there is no block {{other:?}}\"); std::process::ExitCode::FAILURE }}\n    }}\n}}\n"
    );
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    std::fs::write(out.join("snippet.rs"), program)
}
