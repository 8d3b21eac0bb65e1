//! What the build tells the compiler: the version of PostgreSQL, and a flag for the linker.
//!
//! Owns the conditions `since_pg16`, `since_pg17` and so on, each true for that major version and every later one, from
//! the feature `pgNN`. Only `src/pg/compat` uses them. Owns also the flag that keeps the section with the
//! extension's SQL in the library: pgrx writes every SQL entity into a section that no code refers to, so the linker
//! would drop it. `cargo pgrx` passes the flag itself; a plain `cargo build` needs this script. Must never change the
//! build in another way.

/// The oldest major version that the extension can be built for.
const OLDEST: u32 = 15;
/// The newest major version that the source may ask for: that of the newest feature.
const NEWEST: u32 = 19;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo::rustc-link-arg-cdylib=-Wl,--no-gc-sections");
    }
    let features = std::env::vars().filter_map(|(name, _)| name.strip_prefix("CARGO_FEATURE_PG")?.parse::<u32>().ok());
    // Without such a feature, or with several, pgrx says what is wrong.
    let major = features.max().unwrap_or(OLDEST);
    for since in OLDEST + 1..=NEWEST.max(major) {
        println!("cargo::rustc-check-cfg=cfg(since_pg{since})");
        if since <= major {
            println!("cargo::rustc-cfg=since_pg{since}");
        }
    }
}
