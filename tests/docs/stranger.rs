//! A foreign crate: the README's service is built in it, and routers without a guard do not
//! compile.
//!
//! The crate is built as a user would build it, but with our profile, our versions and into our
//! target folder, so that most of its dependencies are there already.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::root;

/// A new crate with the README's dependencies.
pub(super) struct Stranger {
    folder: PathBuf,
}

impl Stranger {
    pub(super) fn new(name: &str) -> Stranger {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("src/bin")).unwrap();
        let stranger = Stranger { folder };
        let here = format!("path = {:?}", root());
        let dependencies = block("toml").replace("version = \"0.1\"", &here);
        assert!(dependencies.contains(&here));
        let ours = fs::read_to_string(root().join("Cargo.toml")).unwrap();
        let profiles = ours.find("[profile.dev]").unwrap()..ours.find("[profile.release]").unwrap();
        let package = "[package]\nname = \"stranger\"\nversion = \"0.0.0\"\n\
            edition = \"2024\"\n\n[workspace]\n";
        stranger
            .write("Cargo.toml", &[package, &dependencies, ours.get(profiles).unwrap()].join("\n"));
        fs::copy(root().join("Cargo.lock"), stranger.folder.join("Cargo.lock")).unwrap();
        stranger
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.folder.join(file), text).unwrap();
    }

    fn build(&self, program: &str) -> Output {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--bin", program]).current_dir(&self.folder);
        // Clippy spells types otherwise in what it says.
        cargo.env_remove("RUSTC_WORKSPACE_WRAPPER");
        cargo.env("CARGO_TARGET_DIR", target()).output().unwrap()
    }

    /// Builds the service of the README, and returns the program.
    pub(super) fn service(&self) -> PathBuf {
        self.write("src/main.rs", &block("rust,no_run"));
        let built = self.build("stranger");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        target().join("debug/stranger")
    }
}

#[test]
fn a_router_without_guard_does_not_compile() {
    let stranger = Stranger::new("stranger");
    stranger.write("src/main.rs", "fn main() {}\n");
    let mut tried = 0;
    for file in fs::read_dir(root().join("tests/guard/compile")).unwrap() {
        let file = file.unwrap().path();
        compiles_or_fails(
            &stranger,
            file.file_stem().unwrap().to_str().unwrap(),
            &fs::read_to_string(&file).unwrap(),
        );
        tried += 1;
    }
    assert!(tried >= 7, "{tried}");
}

/// The first line of each file says what has to happen, and of which words the compiler's complaint
/// consists.
fn compiles_or_fails(stranger: &Stranger, name: &str, text: &str) {
    stranger.write(&format!("src/bin/{name}.rs"), text);
    let built = stranger.build(name);
    let said = String::from_utf8_lossy(&built.stderr);
    match text.lines().next().unwrap().split_once(": ") {
        None => {
            assert!(built.status.success() && text.starts_with("// compiles\n"), "{name}: {said}")
        }
        Some((what, words)) => {
            assert_eq!(what, "// fails");
            assert!(!built.status.success(), "{name} compiles");
            assert!(said.contains(words), "{name}: {said}");
            assert_eq!(
                said.lines().filter(|line| line.starts_with("error")).count(),
                2,
                "one error, and the end: {said}"
            );
        }
    }
}

/// The first block of code in the README's section on services that is of this kind.
fn block(kind: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let section = readme
        .split("\n## ")
        .find(|section| section.starts_with("Protect a service"))
        .unwrap();
    let (_, after) = section.split_once(&format!("```{kind}\n")).unwrap();
    after.split_once("```").unwrap().0.to_owned()
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}
