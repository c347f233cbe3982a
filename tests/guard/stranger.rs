//! A foreign crate: the README's example runs in it, and routers without a guard do not compile.
//!
//! The crate is built as a user would build it, but with our profile, our versions and into our
//! target folder, so that most of its dependencies are there already.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use test_support::http::Client;
use twostep::time::{Clock, SystemClock};

use super::desk::Desk;

/// A new crate with the README's dependencies.
struct Stranger {
    folder: PathBuf,
}

/// A program that runs. It is killed when this is dropped.
struct Running(Child);

impl Stranger {
    fn new() -> Stranger {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("stranger");
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
        cargo.env("CARGO_TARGET_DIR", target()).output().unwrap()
    }

    fn start(&self, program: &str) -> Running {
        Running(
            Command::new(target().join("debug").join(program))
                .current_dir(&self.folder)
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_readmes_example_works_and_a_router_without_guard_fails() {
    let stranger = Stranger::new();
    protects(&stranger);
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

fn protects(stranger: &Stranger) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let example = block("rust,no_run").replace("127.0.0.1:8080", &address);
    assert!(example.contains(&address));
    stranger.write("src/main.rs", &example);
    let built = stranger.build("stranger");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));

    let (desk, now) = (Desk::new(), SystemClock.read().wall.0);
    stranger.write("jwks.json", &desk.keys().to_json());
    let _running = stranger.start("stranger");
    let deadline = Instant::now() + Duration::from_secs(20);
    while TcpStream::connect(&address).is_err() {
        assert!(Instant::now() < deadline, "it does not listen");
        sleep(Duration::from_millis(10));
    }
    let token = |mfa_time: u64, audience: &str| {
        desk.token(|claims| {
            claims["iss"] = "https://mfa.example".into();
            claims["aud"] = audience.into();
            claims["mfa_time"] = mfa_time.into();
            (claims["iat"], claims["nbf"], claims["exp"]) =
                (now.into(), now.into(), (now + 3_600).into());
        })
    };
    let client = Client::tcp(&address);
    let answer = client.delete("/orders/1");
    assert_eq!(answer.status, 401);
    assert_eq!(
        answer.header("www-authenticate"),
        Some(r#"Bearer realm="mfa", acr_values="mfa", max_age="900""#)
    );
    let answer = client.bearing(&token(now, "orders")).delete("/orders/1");
    assert_eq!((answer.status, answer.text().as_str()), (200, "cancelled by alice\n"));
    let answer = client.bearing(&token(now - 1_000, "orders")).delete("/orders/1");
    assert!(
        answer.status == 401
            && answer
                .header("www-authenticate")
                .unwrap()
                .contains("insufficient_user_authentication")
    );
    assert_eq!(client.bearing(&token(now, "another")).delete("/orders/1").status, 401);
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

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn target() -> &'static Path {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap()
}
