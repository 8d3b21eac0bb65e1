//! Owns the proof that each rule can fail, on small trees made up for it.
//!
//! Must never read the project's own files.

use super::{graph::Text, parts::Part};

const TABLE: &str = "\
//! Head.
//!
//! | module | what it owns |
//! |---|---|
//! | [`api`] | x |
//! | [`store`], [`near`] | see [`pg`] |
//! | [`pg`] | x |

mod api;
mod near;
mod pg;
mod store;
";

/// The faults of an extension with these files of `src`. `lib.rs` has the table, and `api.rs`, `near.rs`, `pg.rs` and
/// `store/mod.rs` are empty, unless they are given.
fn faults(files: &[(&str, &str)]) -> Vec<String> {
    part("src", files).faults()
}

fn part(name: &str, files: &[(&str, &str)]) -> Part {
    let usual = [("lib.rs", TABLE), ("api.rs", ""), ("near.rs", ""), ("pg.rs", ""), ("store/mod.rs", "")];
    let usual = usual.iter().filter(|(file, _)| !files.iter().any(|(given, _)| given == file));
    let dir = if name == "src" { "src".to_owned() } else { format!("{name}/src") };
    let mut texts: Vec<_> = usual
        .chain(files)
        .map(|(file, code)| {
            let content = if code.starts_with("//!") { (*code).to_owned() } else { format!("//! Head.\n{code}") };
            Text { name: format!("{dir}/{file}"), inside: (*file).to_owned(), content }
        })
        .collect();
    texts.sort_by(|a, b| a.name.cmp(&b.name));
    Part::of(name.to_owned(), "cache_pg", texts).unwrap()
}

/// The only fault of these files.
fn only(files: &[(&str, &str)]) -> String {
    let faults = faults(files);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    faults.into_iter().next().unwrap()
}

#[test]
fn a_tree_that_knows_only_what_is_below_has_no_fault() {
    let files = [
        ("api.rs", "use crate::{near, store::{self, fill::Fill}};\nfn f() { near::g(); store::h(Fill); }"),
        (
            "store/mod.rs",
            "pub mod fill;\nmod image;\npub use fill::Fill as F;\nuse crate::pg::Tid;\npub fn h() { Tid; }",
        ),
        ("store/fill.rs", "use super::image::Image;\nuse crate::pg;\npub struct Fill(Image, pg::Tid);"),
        ("store/image.rs", "pub struct Image;"),
        ("pg.rs", "pub struct Tid;"),
    ];
    assert_eq!(faults(&files), Vec::<String>::new());
    assert!(part("src", &files).circles(true).is_empty());
}

#[test]
fn an_arrow_up_names_the_line_the_modules_and_the_rule() {
    assert_eq!(
        only(&[("store/fill.rs", "\n\nuse crate::api::get;"), ("api.rs", "pub fn get() {}")]),
        "src/store/fill.rs:4: store must not use api (crate::api): a module knows only those below it in the table of \
         src/lib.rs"
    );
    // Nor do the modules of one row know each other.
    assert!(only(&[("near.rs", "use crate::store;")]).starts_with("src/near.rs:2: near must not use store"));
    // Nor does anything know the root, which knows everything.
    let root = format!("{TABLE}pub struct Root;");
    assert!(
        only(&[("lib.rs", &root), ("pg.rs", "use crate::Root;")]).starts_with("src/pg.rs:2: pg must not use lib.rs")
    );
}

#[test]
fn every_way_to_write_an_import_is_seen() {
    for code in [
        "use crate::api;",
        "use crate::api::*;",
        "pub use crate::api::get;",
        "use crate::api as a;",
        "use crate::{api::{get as fetch}};",
        "use crate::{pg::{self, Tid}, api::{self, x::{y, z}}};",
        "use super::super::api::get;",
        "fn f() { crate::api::get(); }",
        "fn f() { use crate::api::get; }",
        "fn f() -> Vec<crate::api::Row> { todo!() }",
        "fn f() { println!(\"{}\", crate::api::get()); }",
        "macro_rules! m { () => { $crate::api::get() } }",
        "impl crate::api::Trait for X {}",
        "mod inner { use super::super::super::api::get; }",
        "#[cfg(not(test))] use crate::api::get;",
    ] {
        let fault = only(&[("store/fill.rs", code)]);
        assert!(fault.contains("store must not use api (crate::api)"), "{code}: {fault}");
    }
}

#[test]
fn comments_strings_tests_and_other_crates_are_no_imports() {
    for code in [
        "// use crate::api::get;\n/* crate::api::get() */",
        "/// See [`crate::api::get`].\nfn f() { let _ = \"crate::api::get\"; }",
        "#[cfg(test)] mod tests { use crate::api::get; }",
        "#[cfg(test)] use crate::api::get;",
        "impl X { #[cfg(test)] fn f() { crate::api::get() } }",
        "pub(super) fn f() { api::get(); ::api::get(); let api = 1; g(api); }",
    ] {
        assert_eq!(faults(&[("store/fill.rs", code)]), Vec::<String>::new(), "{code}");
    }
    let tests = [("store/mod.rs", "#[cfg(test)]\nmod tests;"), ("store/tests.rs", "use crate::api::get;")];
    assert_eq!(faults(&tests), Vec::<String>::new());
}

#[test]
fn every_module_has_one_row_and_every_row_a_module() {
    let row = "//! | [`api`] | x |";
    let without = TABLE.replace(row, "//! | api | x |");
    assert_eq!(only(&[("lib.rs", &without)]), "src/lib.rs: the table has no row for api");
    let with = TABLE.replace(row, "//! | [`api`], [`gone`] | x |");
    assert_eq!(only(&[("lib.rs", &with)]), "src/lib.rs: the table names gone, and there is no such module");
    let twice = TABLE.replace(row, "//! | [`api`] | x |\n//! | [`pg`] | x |");
    assert!(faults(&[("lib.rs", &twice)]).contains(&"src/lib.rs: the table names pg 2 times".to_owned()));
}

#[test]
fn a_circle_of_files_is_named_with_a_way_round() {
    assert_eq!(
        only(&[("store/a.rs", "use super::b::B;\npub struct A;"), ("store/b.rs", "struct B(super::a::A);")]),
        "circle of 2 files: src/store/a.rs, src/store/b.rs; one way round: src/store/a.rs:2 (crate::store::b) → \
         src/store/b.rs:2 (crate::store::a)"
    );
    // A folder that uses a file of its own which uses the folder.
    let parent = "mod a;\npub struct P;\nfn f() { a::g(); }";
    assert!(only(&[("store/mod.rs", parent), ("store/a.rs", "use super::P;")]).starts_with("circle of 2 files"));
    // By a name that it also re-exports.
    let parent = "mod a;\npub use a::g;\npub struct P;\nfn f() { g(); }";
    assert!(only(&[("store/mod.rs", parent), ("store/a.rs", "use super::P;")]).starts_with("circle of 2 files"));
}

#[test]
fn a_re_export_alone_is_a_circle_only_for_the_strict() {
    let part =
        part("src", &[("store/mod.rs", "mod a;\npub use a::A;\npub struct P;"), ("store/a.rs", "use super::P;")]);
    assert_eq!(part.faults(), Vec::<String>::new());
    assert_eq!(part.circles(true).len(), 1);
}

#[test]
fn a_file_does_not_import_through_the_facade_of_its_own_folder() {
    let files = [
        ("store/mod.rs", "mod a;\nmod b;\npub use a::A;"),
        ("store/a.rs", "pub struct A;"),
        ("store/b.rs", "use super::A;\nfn f(_: A) {}"),
    ];
    assert_eq!(
        only(&files),
        "src/store/b.rs:2: super::A is re-exported by src/store/mod.rs, the facade of this file's own folder: import it \
         from crate::store::a"
    );
    let inline = [files[0], files[1], ("store/b.rs", "fn f(_: crate::store::A) {}")];
    assert!(only(&inline).starts_with("src/store/b.rs:2: crate::store::A is re-exported by"));
    let by_module = [files[0], files[1], ("store/b.rs", "use crate::store;\nfn f(_: store::A) {}")];
    assert!(only(&by_module).starts_with("src/store/b.rs:3: store::A is re-exported by"));
    // Others may, and use the file that defines the name.
    let outside = [files[0], ("store/a.rs", "use crate::api;\npub struct A;"), ("api.rs", "use crate::store::A;")];
    assert!(faults(&outside).iter().any(|fault| fault.contains("src/api.rs:2 (crate::store::a) → src/store/a.rs:2")));
    // Also by `*`.
    let glob = [("store/mod.rs", "mod a;\npub use a::*;"), outside[1], outside[2]];
    assert!(faults(&glob).iter().any(|fault| fault.contains("src/api.rs:2 (crate::store::a) → src/store/a.rs:2")));
}

#[test]
fn folders_of_any_crate_have_no_circle() {
    let files = [
        ("lib.rs", "pub mod a;\npub mod b;"),
        ("a/mod.rs", "pub mod one;\npub mod two;"),
        ("a/one.rs", "use crate::b;"),
        ("a/two.rs", "pub struct Two;"),
        ("b.rs", "use crate::a::two::Two;"),
    ];
    let faults = part("crates/x", &files).faults();
    assert_eq!(faults, ["crates/x: circle of 2 folders: a, b; one way round: a → b → a"]);
}

#[test]
fn a_program_beside_a_library_uses_it_by_its_name() {
    let files = [("main.rs", "use cache_pg::api;\nfn main() { api::get(); }"), ("lib.rs", "pub mod api;")];
    let part = part("crates/x", &files);
    let names = |file: usize| part.graph.files[file].name.as_str();
    let arrows: Vec<_> = part.graph.arrows.keys().map(|&(from, to)| (names(from), names(to))).collect();
    assert_eq!(arrows, [("crates/x/src/main.rs", "crates/x/src/api.rs")]);
}
