//! Keeps the section with the extension's SQL in the library.
//!
//! pgrx writes every SQL entity into a section that no code refers to, so the linker would drop it. `cargo pgrx` passes
//! the flag that keeps it; a plain `cargo build` needs this script. Owns that flag. Must never change the build in
//! another way.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
    }
}
