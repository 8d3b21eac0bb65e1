//! Keeps the section that carries the extension's SQL in the library.
//!
//! pgrx writes every SQL entity into a section that no code refers to; the linker would collect it.
//! `cargo pgrx` passes this flag itself, a plain `cargo build` has to be told.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
    }
}
