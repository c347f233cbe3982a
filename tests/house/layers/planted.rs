//! Imports planted to see them found, and what looks like one and must be left alone.

/// Each planted line is an import that must be found, in a file of `otp`, the second row.
mod caught {
    use crate::layers::faults_in;

    #[track_caller]
    fn caught(file: &str, source: &str) {
        let faults = faults_in(file, source);
        let upward = ["session", "store", "verifier"].iter().any(|target| {
            let fault = format!("`otp` must not import `{target}`");
            faults.iter().any(|found| found.ends_with(&fault))
        });
        assert!(upward && faults.len() == 1, "{source}: {faults:?}");
    }

    #[track_caller]
    fn refused(source: &str, why: &str) {
        let faults = faults_in("otp/totp.rs", source);
        assert!(faults.iter().any(|fault| fault.contains(why)), "{source}: {faults:?}");
    }

    #[test]
    fn a_plain_use() {
        caught("otp/totp.rs", "use crate::store::Store;");
        caught("otp/totp.rs", "use crate::store;");
        caught("otp/totp.rs", "use crate::store as s;");
        caught("otp/totp.rs", "use crate :: store :: Store ;");
        caught("otp/totp.rs", "fn f() { use crate::r#store::*; }");
    }

    #[test]
    fn a_group_nested_over_several_lines() {
        caught("otp/totp.rs", "use crate::{id::AccountId, store};");
        caught(
            "otp/totp.rs",
            "use crate::{\n  time::{UnixTime, Clock as C},\n  store::{\n    Store,\n  },\n};",
        );
        caught("otp/totp.rs", "use {crate::id::AccountId, crate::verifier::Verified};");
        caught("otp/totp.rs", "use crate::{{id::AccountId, {session::Issuer}}};");
    }

    #[test]
    fn a_path_inside_code() {
        caught("otp/totp.rs", "fn f() -> u8 { let x = crate::session::LEEWAY; x }");
        caught("otp/totp.rs", "fn f(x: Option<crate::store::Row<u8>>) {}");
        caught("otp/totp.rs", "fn f() { crate::store::open::<u8>() }");
        caught("otp/totp.rs", "fn f() { if x == crate::store::LIMIT { g() } }");
        caught("otp/totp.rs", "impl crate::store::Store for X {}");
        caught("otp/totp.rs", "type X = <Y as crate::store::Store>::Row;");
    }

    #[test]
    fn a_re_export() {
        caught("otp/mod.rs", "pub use crate::store::Store;");
        caught("otp/mod.rs", "pub(crate) use super::store::Store;");
    }

    #[test]
    fn a_path_that_climbs() {
        caught("otp/totp.rs", "use super::super::store::Store;");
        caught("otp/mod.rs", "use super::store::Store;");
        caught("otp/mod.rs", "use super::{id::AccountId, store::Store};");
        caught("otp.rs", "use super::{id, store};");
        caught("otp/totp.rs", "use super::{super::store::Store, hotp};");
        caught("otp/totp.rs", "fn f() { super::super::verifier::f() }");
        caught("otp/totp.rs", "use self::super::super::store::Store;");
        caught("otp/mod.rs", "fn f() { self::super::store::f() }");
        caught("otp/totp/steps.rs", "use super::super::super::store::Store;");
    }

    #[test]
    fn a_path_that_climbs_out_of_inline_modules() {
        caught("otp/totp.rs", "mod tests { use super::super::super::store::Store; }");
        caught(
            "otp/mod.rs",
            "#[cfg(test)] mod a { mod b { fn f() { super::super::super::store::f() } } }",
        );
        caught("otp/mod.rs", "mod a { fn f() { if x { y() } } } use super::store;");
    }

    #[test]
    fn a_path_in_a_macro_or_an_attribute() {
        caught("otp/mod.rs", "macro_rules! m { () => { $crate::store::open() } }");
        caught("otp/totp.rs", "#[serde(with = \"crate::session::stamp\")] struct X;");
        caught("otp/totp.rs", "#[serde(bound = \"T: super::super::store::Store\")] struct X;");
        caught("otp/totp.rs", "#[schema(value_type = crate::session::Context)] struct X;");
    }

    #[test]
    fn a_module_of_the_same_row_and_testing() {
        let faults = faults_in("otp/totp.rs", "use crate::webauthn::Challenge;");
        assert_eq!(faults, ["1: `otp` must not import `webauthn`"]);
        let faults = faults_in("verifier/mod.rs", "\nuse crate::testing::FixedClock;");
        assert_eq!(faults, ["2: `verifier` must not import `testing`: only `cli` may"]);
    }

    #[test]
    fn a_path_that_cannot_be_followed() {
        refused("use crate as c;", "root of the crate");
        refused("use crate::{self as c};", "root of the crate");
        refused("use crate::*;", "root of the crate");
        refused("use super::super as c;", "root of the crate");
        refused("use super::super::{self as c};", "root of the crate");
        refused("use super::super::*;", "root of the crate");
        refused("m!(crate);", "root of the crate");
        refused("macro_rules! m { ($x:ident) => { $crate::$x::f() } }", "root of the crate");
        refused("use super::super::super::x;", "above the root");
        refused("extern crate self as c;", "second name");
        refused("use twostep::store::Store;", "own name");
        refused("fn f() { ::twostep::store::f() }", "own name");
        refused("use twostep as t;", "own name");
        refused("#[macro_use] mod x;", "macro_use");
        refused("#[path = \"../store/x.rs\"] mod x;", "#[path]");
        refused("#[cfg_attr(test, path = \"x.rs\")] mod x;", "#[path]");
        refused("include!(\"../store/x.rs\");", "include!");
        assert_eq!(faults_in("lib.rs", "extern crate self as c;").len(), 1);
    }

    #[test]
    fn a_name_that_no_row_knows() {
        refused("use crate::Store;", "`Store` is no module of the map");
        refused("use crate::{helpers::x, id};", "`helpers` is no module of the map");
        assert!(faults_in("helpers.rs", "")[0].contains("`helpers` has no row"));
        assert!(faults_in("bin/other.rs", "")[0].contains("`bin` has no row"));
    }

    #[test]
    fn a_file_in_a_planted_tree() {
        let src = std::env::temp_dir().join(format!("layers-{}/src", std::process::id()));
        std::fs::create_dir_all(src.join("otp")).expect("a folder for the planted tree");
        let file = src.join("otp/totp.rs");
        std::fs::write(file, "//! x\nuse crate::store::Store;").expect("a planted file");
        assert_eq!(
            crate::layers::faults_under(&src),
            ["src/otp/totp.rs:2: `otp` must not import `store`"]
        );
    }
}

/// Knots planted to see them found, and files that know each other without one.
mod knotted {
    use crate::layers::knots::knots;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let roots = [("lib.rs", "mod a;"), ("main.rs", "fn main() {}"), ("a/mod.rs", "")];
        let named = |name: &str| files.iter().any(|(other, _)| *other == name);
        let all = roots.iter().filter(|(name, _)| !named(name)).chain(files);
        let all: Vec<_> = all.map(|(name, text)| ((*name).into(), (*text).into())).collect();
        knots(&all)
    }

    #[track_caller]
    fn knotted(files: &[(&str, &str)]) {
        assert_eq!(found(files), ["src/a/one.rs <-> src/a/two.rs"]);
    }

    #[track_caller]
    fn untied(files: &[(&str, &str)]) {
        assert_eq!(found(files), [""; 0]);
    }

    #[test]
    fn two_plain_imports() {
        let two = ("a/two.rs", "use crate::a::one::One;");
        knotted(&[("a/one.rs", "use crate::a::two::Two;"), two]);
        knotted(&[("a/one.rs", "use super::two::Two;"), two]);
        knotted(&[("a/one.rs", "use super::{two as other, three};"), two]);
        knotted(&[("a/one.rs", "fn f(x: super::two::Two) {}"), two]);
        knotted(&[("a/one.rs", "macro_rules! m { () => { $crate::a::two::f() } }"), two]);
        knotted(&[("a/one.rs", "#[serde(with = \"super::two\")] struct One;"), two]);
        untied(&[("a/one.rs", "use super::three::Three;"), two]);
    }

    #[test]
    fn names_that_the_parent_passes_on() {
        let one = ("a/one.rs", "use super::Two; pub struct One;");
        let two = ("a/two.rs", "use super::One as First; pub struct Two;");
        knotted(&[("a/mod.rs", "pub use one::One; use two::Two; mod one; mod two;"), one, two]);
        knotted(&[
            ("a/mod.rs", "pub use self::one::*; pub use two::*; mod one; mod two;"),
            one,
            two,
        ]);
        untied(&[("a/mod.rs", "struct One; struct Two; mod one; mod two;"), one, two]);
    }

    #[test]
    fn a_module_that_is_imported_and_a_name_in_it() {
        let one = ("a/one.rs", "use super::b; fn f() { b::two::f() }");
        let files =
            [("a/b/mod.rs", "pub mod two;"), ("a/b/two.rs", "use crate::a::one::One;"), one];
        assert_eq!(found(&files), ["src/a/b/two.rs <-> src/a/one.rs"]);
    }

    #[test]
    fn two_files_of_two_folders() {
        let files = [
            ("a/b/mod.rs", "mod x;"),
            ("a/b/x.rs", "use crate::a::c::Y;"),
            ("a/c/mod.rs", "pub use y::Y; mod y;"),
            ("a/c/y.rs", "use crate::a::b::x::X; pub struct Y;"),
        ];
        assert_eq!(found(&files), ["src/a/b/x.rs <-> src/a/c/y.rs"]);
    }

    #[test]
    fn a_parent_and_its_child_may_know_each_other() {
        untied(&[
            ("a/mod.rs", "use one::One; mod one; pub struct A;"),
            ("a/one.rs", "use super::A;"),
        ]);
        untied(&[("a/mod.rs", "pub fn f() {}"), ("a/one.rs", "use crate::a::f;")]);
    }

    #[test]
    fn tests_inside_a_file_may_import_back() {
        let one = "#[cfg(test)] mod tests { use super::super::two::Two; }";
        untied(&[("a/one.rs", one), ("a/two.rs", "use super::one::One;")]);
    }

    #[test]
    fn an_operation_that_names_a_face() {
        let refused =
            |source: &str| crate::layers::faults_in("agent/operations/devices.rs", source);
        for source in [
            "use axum::Json;",
            "fn f() -> http::StatusCode { x() }",
            "fn f() { serde_json::json!({}) }",
            "use crate::agent::problem::Problem;",
            "use super::super::api::views;",
            "use crate::{agent::api, id};",
        ] {
            assert_eq!(refused(source).len(), 1, "{source}: {:?}", refused(source));
        }
        assert_eq!(refused("use crate::agent::access::Caller; use serde::Serialize;"), [""; 0]);
        assert_eq!(crate::layers::faults_in("agent/api/x.rs", "use axum::Json;"), [""; 0]);
    }
}

/// Text that looks like an upward import and is none.
mod left_alone {
    use crate::layers::faults_in;

    #[track_caller]
    fn left_alone(file: &str, source: &str) {
        assert_eq!(faults_in(file, source), [""; 0], "{source}");
    }

    #[test]
    fn comments() {
        left_alone(
            "otp/totp.rs",
            "//! crate::store\n// use crate::store::Store;\n/// [`crate::store`]\nstruct X;",
        );
        left_alone("otp/totp.rs", "/* use crate::store; /* nested */ use crate::store; */");
        left_alone("otp/totp.rs", "#[doc = \"see crate::store\"] struct X;");
    }

    #[test]
    fn strings() {
        left_alone("otp/totp.rs", r####"const A: &str = "use crate::store; \" crate::store";"####);
        left_alone("otp/totp.rs", r####"const A: &str = r#"crate::store " crate::store"#;"####);
        left_alone(
            "otp/totp.rs",
            r####"const A: &[u8] = b"crate::store"; const B: char = '"';"####,
        );
        left_alone("otp/totp.rs", "#[error(\"crate::store failed\")] struct X<'a>(&'a str);");
    }

    #[test]
    fn imports_that_point_down_or_stay() {
        left_alone("otp/totp.rs", "use crate::{id::AccountId, secret::{self, Secret}, time::*};");
        left_alone(
            "otp/totp.rs",
            "use super::{hotp, Code}; use super::*; use self::x::y; use crate::otp::Code;",
        );
        left_alone("otp/totp.rs", "mod tests { use super::*; use super::super::hotp; }");
        left_alone(
            "cli/demo.rs",
            "use crate::testing::FixedClock; use super::super::agent::serve;",
        );
        left_alone(
            "store.rs",
            "use super::device::Device; use crate::otp::{hotp, totp::{self as t, Step as _}};",
        );
    }

    #[test]
    fn visibility_other_crates_and_methods() {
        left_alone(
            "otp/totp.rs",
            "pub(crate) fn f(self) {} pub(super) struct X; pub(in crate::otp) fn g() {}",
        );
        left_alone(
            "otp/totp.rs",
            "extern crate alloc; use std::path::Path; use ::store::X; fn store() {}",
        );
        left_alone("agent/http.rs", "#[utoipa::path(get, path = \"/v1/devices\")] fn f() {}");
    }

    #[test]
    fn the_roots() {
        left_alone("lib.rs", "pub mod otp; pub use crate::store::Store; pub use self::cli::run;");
        left_alone("main.rs", "fn main() { twostep::cli::run() }");
    }
}
